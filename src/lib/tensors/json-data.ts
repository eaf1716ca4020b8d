import { numberFromBf16, numberFromFp16 } from './half.ts'
import { type Datatype, emptyData, type TensorData } from './tensor.ts'

/** Deeper lists are refused: no tensor has so many dimensions. */
const MOST_DEPTH = 8

type Whole = { readonly min: number; readonly max: number }
const wholeNumbers: Readonly<Partial<Record<Datatype, Whole>>> = {
  INT8: { min: -(2 ** 7), max: 2 ** 7 - 1 },
  INT16: { min: -(2 ** 15), max: 2 ** 15 - 1 },
  INT32: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  UINT8: { min: 0, max: 2 ** 8 - 1 },
  UINT16: { min: 0, max: 2 ** 16 - 1 },
  UINT32: { min: 0, max: 2 ** 32 - 1 },
}
const wideNumbers: Readonly<Partial<Record<Datatype, { readonly min: bigint; readonly max: bigint }>>> = {
  INT64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  UINT64: { min: 0n, max: 2n ** 64n - 1n },
}

/**
 * The elements of a tensor from lists of JSON, flat or nested, row by row. A null among floats is a missing value, NaN.
 * Whole numbers of 64 bits must come as bigints where they are beyond 2⁵³. Throws RangeError naming the tensor, the rule and
 * what was sent: too few or too many elements, another kind of value, a number outside the datatype, FP16 and BF16, which
 * have no form in JSON.
 */
export function dataFromJson(
  { name, datatype, elements }: { readonly name: string; readonly datatype: Datatype; readonly elements: number },
  data: readonly unknown[],
): TensorData {
  if (datatype === 'FP16' || datatype === 'BF16')
    throw new RangeError(`input ${name}: datatype ${datatype} has no form in JSON; send it as binary data, or send FP32`)
  // Memory follows what was sent, never what was claimed.
  const sent = leavesIn(data, name, 1)
  if (sent !== elements) throw new RangeError(`input ${name}: the shape needs ${elements} values; ${sent} were sent`)
  const refuse = (value: unknown, i: number, needed: string): never => {
    throw new RangeError(`input ${name}: value ${i} is ${shown(value)}; ${needed} is needed`)
  }
  if (datatype === 'BYTES') {
    const texts: Uint8Array[] = []
    eachLeaf(data, 0, (value, i) => texts.push(typeof value === 'string' ? Buffer.from(value, 'utf8') : refuse(value, i, 'a text')))
    return texts
  }
  const values = emptyData(datatype, elements)
  const take = elementReader(datatype, refuse)
  eachLeaf(data, 0, (value, i) => {
    values[i] = take(value, i)
  })
  return values
}

type Refuse = (value: unknown, i: number, needed: string) => never

function elementReader(datatype: Exclude<Datatype, 'BYTES'>, refuse: Refuse): (value: unknown, i: number) => never {
  const read = (value: unknown, i: number): number | bigint => {
    if (datatype === 'FP32' || datatype === 'FP64') {
      if (typeof value === 'number') return value
      if (value === null) return Number.NaN
      return typeof value === 'bigint' ? Number(value) : refuse(value, i, 'a number or null')
    }
    if (datatype === 'BOOL') {
      if (typeof value === 'boolean') return Number(value)
      return value === 0 || value === 1 ? value : refuse(value, i, 'true or false')
    }
    const wide = wideNumbers[datatype]
    if (wide) {
      const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
      return typeof exact === 'bigint' && exact >= wide.min && exact <= wide.max
        ? exact
        : refuse(value, i, `a whole number from ${wide.min} to ${wide.max}`)
    }
    const { min, max } = wholeNumbers[datatype]!
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    return refuse(value, i, `a whole number from ${min} to ${max}`)
  }
  return read as (value: unknown, i: number) => never
}

function leavesIn(data: readonly unknown[], name: string, depth: number): number {
  if (depth > MOST_DEPTH) throw new RangeError(`input ${name}: the data is nested deeper than ${MOST_DEPTH} lists`)
  let count = 0
  for (const item of data) count += Array.isArray(item) ? leavesIn(item, name, depth + 1) : 1
  return count
}

function eachLeaf(data: readonly unknown[], from: number, visit: (value: unknown, i: number) => void): number {
  let next = from
  for (const item of data) {
    if (Array.isArray(item)) next = eachLeaf(item, next, visit)
    else visit(item, next++)
  }
  return next
}

/** Whether an element of lists of JSON, flat or nested, is such a one. Lists too deep to be taken are not looked into. */
export function someElement(data: readonly unknown[], isSuch: (value: unknown) => boolean, depth = 1): boolean {
  if (depth > MOST_DEPTH) return false
  return data.some((item) => (Array.isArray(item) ? someElement(item, isSuch, depth + 1) : isSuch(item)))
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return 'an object'
  return (typeof value === 'bigint' ? String(value) : JSON.stringify(value)).slice(0, 60)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The elements as the text of one flat JSON list. Numbers that JSON cannot write are null; FP16 and BF16 are written as the
 * numbers they are. Throws RangeError for BYTES that are not UTF-8.
 */
export function jsonFromData(datatype: Datatype, data: TensorData): string {
  switch (datatype) {
    case 'BYTES':
      return JSON.stringify((data as readonly Uint8Array[]).map(textOf))
    case 'BOOL':
      return `[${Array.from(data as Uint8Array, (value) => (value === 0 ? 'false' : 'true')).join(',')}]`
    case 'INT64':
    case 'UINT64':
      return `[${(data as BigInt64Array).join(',')}]`
    case 'FP16':
      return listText(Array.from(data as Uint16Array, numberFromFp16))
    case 'BF16':
      return listText(Array.from(data as Uint16Array, numberFromBf16))
    default:
      return listText(data as Float64Array)
  }
}

function listText(values: ArrayLike<number>): string {
  let text = '['
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    text += (i === 0 ? '' : ',') + (Number.isFinite(value) ? value : 'null')
  }
  return `${text}]`
}

function textOf(bytes: Uint8Array, i: number): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new RangeError(`element ${i} is not UTF-8; ask for it as binary data`, { cause })
  }
}
