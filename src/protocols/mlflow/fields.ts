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

type Options<R extends boolean> = { readonly required?: R }

function scalar<T>(read: (value: unknown) => T | undefined) {
  return <R extends boolean = false>(options: Options<R> = {}): Field<T, R> => ({
    required: (options.required ?? false) as R,
    repeated: false,
    read(value, path) {
      const found = read(value)
      if (found === undefined) throw new Mismatch(path, value)
      return found
    },
  })
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

/** One of `names`, or its position in their list as the number of a protocol buffer would be, counted from `first`. */
export function enumeration<const N extends readonly string[], R extends boolean = false>(
  names: N,
  options: Options<R> & { readonly first?: number } = {},
): Field<N[number], R> {
  return scalar((value) => {
    if (typeof value === 'string' && names.includes(value)) return value as N[number]
    const number = wholeNumber(value)
    return number === undefined ? undefined : names[number - (options.first ?? 1)]
  })(options)
}

export function list<T, R extends boolean = false>(item: Field<T>, options: Options<R> = {}): Field<T[], R> {
  return {
    required: (options.required ?? false) as R,
    repeated: true,
    read(value, path) {
      if (!Array.isArray(value)) throw new Mismatch(path, value)
      return value.map((one, i) => item.read(one, `${path}[${i}]`))
    },
  }
}

export function map<T, R extends boolean = false>(item: Field<T>, options: Options<R> = {}): Field<Record<string, T>, R> {
  return {
    required: (options.required ?? false) as R,
    repeated: false,
    read(value, path) {
      if (!isObject(value)) throw new Mismatch(path, value)
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item.read(one, `${path}.${key}`)]))
    },
  }
}

export function message<F extends Fields, R extends boolean = false>(fields: F, options: Options<R> = {}): Field<Read<F>, R> {
  return {
    required: (options.required ?? false) as R,
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

/** Answers what was read, or the text that says which field is missing or wrong, as the reference server words it. */
export function readMessage<F extends Fields>(fields: F, source: Readonly<Record<string, unknown>>): { read: Read<F> } | { fault: string } {
  const twice = Object.keys(fields).find((name) => camelCase(name) !== name && name in source && camelCase(name) in source)
  if (twice) return { fault: `Request specifies both '${twice}' and '${camelCase(twice)}'; provide only one of them.` }
  try {
    return { read: readFields(fields, source, '') }
  } catch (thrown) {
    if (!(thrown instanceof Mismatch)) throw thrown
    const { path, value, missing } = thrown
    const what = missing
      ? `Missing value for required parameter '${path}'.`
      : `Invalid value ${JSON.stringify(value)} for parameter '${path}' supplied:  Hint: Value was of type '${typeName(value)}'.`
    return { fault: `${what} See the API docs for more information about request parameters.` }
  }
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
