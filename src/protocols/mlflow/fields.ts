/** A value that a field cannot hold. `path` says where, from the request’s top field on. */
class Mismatch extends Error {
  readonly path: string
  readonly value: unknown
  readonly missing: boolean

  constructor(path: string, value: unknown, missing = false) {
    super(`${path} does not fit`)
    this.path = path
    this.value = value
    this.missing = missing
  }
}

/** One field of a message: how its JSON is read. `required` refuses absence and the empty text. */
export type Field<T = unknown, R extends boolean = boolean> = {
  readonly required: R
  /** Repeated fields take every value of a name that a query gives more than once. */
  readonly repeated: boolean
  /** Returns the value; throws `Mismatch` at `path`. Texts from a query are read by the same rules. */
  readonly read: (value: unknown, path: string) => T
}

export type Fields = Readonly<Record<string, Field>>

/** What a message becomes once read: required fields are there, the others may be undefined. */
export type Read<F extends Fields> = {
  readonly [K in keyof F as F[K]['required'] extends true ? K : never]: ReturnType<F[K]['read']>
} & { readonly [K in keyof F as F[K]['required'] extends true ? never : K]?: ReturnType<F[K]['read']> }

type Required = { readonly required: true }
type Options = { readonly required?: boolean }

/** Two signatures, so that a field’s type says whether it is there. */
type Scalar<T> = { (options: Required): Field<T, true>; (): Field<T, false> }

function scalar<T>(read: (value: unknown) => T | undefined): Scalar<T> {
  const field = ({ required = false }: Options = {}) => ({
    required,
    repeated: false,
    read(value: unknown, path: string) {
      const found = read(value)
      if (found === undefined) throw new Mismatch(path, value)
      return found
    },
  })
  return field as Scalar<T>
}

export const string = scalar((value) => (typeof value === 'string' ? value : undefined))

/** A whole number, also as text. Beyond 2^53 it loses its last digits, as numbers of JSON do. */
export const int64 = scalar(wholeNumber)
export const int32 = scalar((value) => {
  const found = wholeNumber(value)
  return found !== undefined && Math.abs(found) <= 2 ** 31 ? found : undefined
})

function wholeNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? Number(value) : undefined
}

/** A number, also as text; `NaN` and the infinities come as texts. */
export const double = scalar((value) => {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const found = Number(value)
  return Number.isNaN(found) && value !== 'NaN' ? undefined : found
})

export const bool = scalar((value) => {
  if (typeof value === 'boolean') return value
  return typeof value === 'string' && /^(true|false)$/i.test(value) ? value.toLowerCase() === 'true' : undefined
})

/** Any JSON value, as it came. */
export const json = scalar((value) => value)

/** Milliseconds since the epoch, from an RFC 3339 text. */
export const timestamp = scalar((value) => {
  const found = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(found) ? undefined : found
})

/** Milliseconds, from a text such as `1.5s`. */
export const duration = scalar((value) => {
  const found = typeof value === 'string' ? /^(-?\d+(?:\.\d+)?)s$/.exec(value) : null
  return found ? Number(found[1]) * 1_000 : undefined
})

/** One of `names`, or its place in their list as the number of a protocol buffer, counted from `first`. Makes a kind of field. */
export function enumeration<const N extends readonly string[]>(names: N, first = 1): Scalar<N[number]> {
  return scalar((value) => {
    if (typeof value === 'string' && names.includes(value)) return value as N[number]
    const number = wholeNumber(value)
    return number === undefined ? undefined : names[number - first]
  })
}

export function list<T>(item: Field<T>, options: Required): Field<T[], true>
export function list<T>(item: Field<T>): Field<T[], false>
export function list<T>(item: Field<T>, { required = false }: Options = {}): Field<T[]> {
  return {
    required,
    repeated: true,
    read(value, path) {
      if (!Array.isArray(value)) throw new Mismatch(path, value)
      return value.map((one, i) => item.read(one, `${path}[${i}]`))
    },
  }
}

export function map<T>(item: Field<T>): Field<Record<string, T>, false> {
  return {
    required: false,
    repeated: false,
    read(value, path) {
      if (!isObject(value)) throw new Mismatch(path, value)
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item.read(one, `${path}.${key}`)]))
    },
  }
}

export function message<F extends Fields>(fields: F, options: Required): Field<Read<F>, true>
export function message<F extends Fields>(fields: F): Field<Read<F>, false>
export function message<F extends Fields>(fields: F, { required = false }: Options = {}): Field<Read<F>> {
  return {
    required,
    repeated: false,
    read(value, path) {
      if (!isObject(value)) throw new Mismatch(path, value)
      return readFields(fields, value, `${path}.`)
    },
  }
}

/** Reads the fields of an object; names may be written `like_this` or `likeThis`, unknown ones are passed over. */
function readFields<F extends Fields>(fields: F, source: Readonly<Record<string, unknown>>, prefix: string): Read<F> {
  const found: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const value = source[name] ?? source[camelCase(name)]
    if (field.required && (value === undefined || value === null || value === '')) throw new Mismatch(prefix + name, value, true)
    if (value !== undefined && value !== null) found[name] = field.read(value, prefix + name)
  }
  return found as Read<F>
}

/**
 * Answers what was read, or the text that says which field is missing or wrong, as the reference server words it. `text` is
 * the JSON the source was parsed from: a number is told as it was written there.
 */
export function readMessage<F extends Fields>(
  fields: F,
  source: Readonly<Record<string, unknown>>,
  text = '',
): { read: Read<F> } | { fault: string } {
  const twice = Object.keys(fields).find((name) => camelCase(name) !== name && name in source && camelCase(name) in source)
  if (twice) return { fault: `Request specifies both '${twice}' and '${camelCase(twice)}'; provide only one of them.` }
  try {
    return { read: readFields(fields, source, '') }
  } catch (thrown) {
    if (!(thrown instanceof Mismatch)) throw thrown
    const { path, value, missing } = thrown
    const literal = typeof value === 'number' ? numberAsWritten(text, path) : undefined
    const type = literal?.includes('.') ? 'float' : typeName(value)
    const what = missing
      ? `Missing value for required parameter '${path}'.`
      : `Invalid value ${literal ?? JSON.stringify(value)} for parameter '${path}' supplied:  Hint: Value was of type '${type}'.`
    return { fault: `${what} See the API docs for more information about request parameters.` }
  }
}

/** How the number of a top field stands in the text: 9.0 is 9 once it is parsed. */
function numberAsWritten(text: string, name: string): string | undefined {
  return new RegExp(`"${name.replaceAll(/\W/g, '\\$&')}"\\s*:\\s*(-?[\\d.eE+-]+)`).exec(text)?.[1]
}

/** The type of a JSON value in the words of the reference server, whose users know Python. */
function typeName(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'list' : 'dict'
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
