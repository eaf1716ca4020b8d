/** One request for a model of rows of floats: what its JSON says, without the objects in between. */
export type JsonRows = {
  readonly id: string | undefined
  readonly actor: string
  readonly source: string
  readonly count: number
  /** rows × features, row by row; NaN = missing. */
  readonly values: Float32Array
}

const MOST_KEPT_VALUES = 65_536
const MOST_DEPTH = 8
const MOST_DIMENSIONS = 8
const MOST_TEXT = 128
const QUOTE = 34
const COMMA = 44
const MINUS = 45
const POINT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const SMALL_E = 101
const SMALL_N = 110
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const wordsOf = (...words: string[]): readonly Uint8Array[] => words.map((word) => Buffer.from(word))
const requestFields = wordsOf('id', 'inputs', 'parameters')
const parameterFields = wordsOf('actor', 'source')
const tensorFields = wordsOf('name', 'shape', 'datatype', 'data')
const datatypes = wordsOf('FP32', 'FP64', 'INT32', 'INT64')
/** Datatypes from this number on are of whole numbers. */
const WHOLE = 2
/** Powers of ten that a double holds exactly; a mantissa below 2⁵³ over one of them is rounded once, as it should be (Clinger, 1990). */
const tens = Array.from({ length: 23 }, (_, power) => 10 ** power)

/**
 * Makes a reader of infer requests in their usual form: `id`, `parameters` of `actor` and `source`, and one tensor of FP32,
 * FP64, INT32 or INT64 in the shape [rows, features] or [features]. It answers exactly what a reading through `JSON.parse`
 * would, or undefined for everything else, right or wrong, which is for that slower reading to judge. One reader serves one
 * request after the other.
 */
export function createJsonRows(): (body: Uint8Array, features: number) => JsonRows | undefined {
  let bytes: Uint8Array = new Uint8Array(0)
  let at = 0
  const list: List = { values: new Float32Array(1_024), length: 0, isWhole: true, low: 0, high: 0 }
  let found = emptyRequest()
  let textFrom = 0
  let textTo = 0

  function skip(): number {
    let byte = bytes[at]!
    while (byte === 32 || byte === 10 || byte === 13 || byte === 9) byte = bytes[++at]!
    return byte
  }

  function take(byte: number): boolean {
    if (skip() !== byte) return false
    at += 1
    return true
  }

  /** Passes a text of plain ASCII, which then lies from `textFrom` to `textTo`; false for any that must be decoded. */
  function text(): boolean {
    if (!take(QUOTE)) return false
    textFrom = at
    for (let byte = bytes[at]!; byte !== QUOTE; byte = bytes[++at]!) if (!(byte >= 32 && byte < 127) || byte === BACKSLASH) return false
    textTo = at
    at += 1
    return textTo - textFrom <= MOST_TEXT
  }

  function textIs(word: Uint8Array): boolean {
    if (textTo - textFrom !== word.length) return false
    for (let i = 0; i < word.length; i++) if (bytes[textFrom + i] !== word[i]) return false
    return true
  }

  function textTaken(): string | undefined {
    return text() ? asciiFrom(bytes, textFrom, textTo) : undefined
  }

  /** The fields of an object, each of `names` at most once; `field` answers whether it could read the value of the one of that number. */
  function object(names: readonly Uint8Array[], field: (number: number) => boolean): boolean {
    if (!take(OPEN_OBJECT)) return false
    if (take(CLOSE_OBJECT)) return true
    let seen = 0
    for (;;) {
      if (!text()) return false
      let number = 0
      while (number < names.length && !textIs(names[number]!)) number += 1
      if (number === names.length || (seen & (1 << number)) !== 0 || !take(COLON)) return false
      seen |= 1 << number
      if (!field(number)) return false
      if (!take(COMMA)) return take(CLOSE_OBJECT)
    }
  }

  function values(): boolean {
    if (skip() !== OPEN_LIST) return false
    const end = readList(bytes, at, list)
    if (end >= 0) at = end
    return end >= 0
  }

  function dimension(): number {
    skip()
    const from = at
    let size = 0
    while (bytes[at]! >= ZERO && bytes[at]! <= NINE) size = size * 10 + bytes[at++]! - ZERO
    return at === from || at - from > 15 || bytes[from] === ZERO ? 0 : size
  }

  function shape(): boolean {
    if (!take(OPEN_LIST)) return false
    found.rows = 1
    found.width = 0
    found.dimensions = 0
    do {
      const size = dimension()
      if (size === 0 || ++found.dimensions > MOST_DIMENSIONS) return false
      if (found.dimensions > 1) found.rows *= found.width
      found.width = size
    } while (take(COMMA))
    return take(CLOSE_LIST)
  }

  function tensorField(number: number): boolean {
    switch (number) {
      case 0:
        found.hasName = text()
        return found.hasName
      case 1:
        return shape()
      case 2:
        if (!text()) return false
        found.datatype = datatypes.findIndex(textIs)
        return found.datatype >= 0
      default:
        found.hasData = true
        return values()
    }
  }

  function parameter(number: number): boolean {
    const value = textTaken()
    if (value === undefined) return false
    if (number === 0) found.actor = value
    else found.source = value
    return true
  }

  function requestField(number: number): boolean {
    if (number === 1) return take(OPEN_LIST) && object(tensorFields, tensorField) && take(CLOSE_LIST)
    if (number === 2) return object(parameterFields, parameter)
    found.id = textTaken()
    return found.id !== undefined && found.id !== ''
  }

  function isTaken(features: number): boolean {
    const { datatype, hasName, rows, width, dimensions, hasData } = found
    if (!hasData || !hasName || datatype < 0 || width !== features || dimensions === 0) return false
    // A tensor of one dimension may be the column of the only feature.
    if (features === 1 && dimensions === 1) return false
    if (!Number.isSafeInteger(rows) || rows * features !== list.length) return false
    if (datatype < WHOLE) return true
    if (datatype === WHOLE) return list.isWhole && list.low >= -(2 ** 31) && list.high < 2 ** 31
    return list.isWhole
  }

  return (body, features) => {
    bytes = body
    at = 0
    found = emptyRequest()
    let isRead = object(requestFields, requestField)
    skip()
    isRead = isRead && at === body.length && isTaken(features)
    const values = isRead ? list.values.slice(0, list.length) : undefined
    if (list.values.length > MOST_KEPT_VALUES) list.values = new Float32Array(1_024)
    if (!values) return undefined
    const { id, actor, source, rows, datatype } = found
    // Whole numbers have no negative zero.
    if (datatype >= WHOLE) for (let i = 0; i < values.length; i++) values[i]! += 0
    return { id, actor, source, count: rows, values }
  }
}

function emptyRequest() {
  return {
    id: undefined as string | undefined,
    actor: '',
    source: '',
    hasName: false,
    datatype: -1,
    rows: 1,
    width: 0,
    dimensions: 0,
    hasData: false,
  }
}

/** The numbers of one list: whether all were whole and below 10¹⁵, and the least and the greatest, with 0. */
type List = { values: Float32Array; length: number; isWhole: boolean; low: number; high: number }

/**
 * Reads numbers and nulls in lists, flat or nested, that begin at `from`; answers where they end, or -1 for anything else. Each
 * becomes the float that the number of its text rounds to.
 */
function readList(bytes: Uint8Array, from: number, list: List): number {
  let at = from + 1
  let depth = 1
  let length = 0
  let isWhole = true
  let low = 0
  let high = 0
  let values = list.values
  let isAfterValue = false
  let mayClose = true
  while (depth > 0) {
    let byte = bytes[at]!
    while (byte === 32 || byte === 10 || byte === 13 || byte === 9) byte = bytes[++at]!
    if (isAfterValue && byte === COMMA) {
      at += 1
      isAfterValue = false
      mayClose = false
      continue
    }
    if (byte === CLOSE_LIST && (isAfterValue || mayClose)) {
      at += 1
      depth -= 1
      isAfterValue = true
      continue
    }
    if (isAfterValue) return -1
    if (byte === OPEN_LIST) {
      at += 1
      if (++depth > MOST_DEPTH) return -1
      mayClose = true
      continue
    }
    if (length === values.length) values = widened(values)
    if (byte === SMALL_N) {
      if (bytes[at + 1] !== 117 || bytes[at + 2] !== 108 || bytes[at + 3] !== 108) return -1
      at += 4
      values[length++] = Number.NaN
      isAfterValue = true
      continue
    }
    const start = at
    const isNegative = byte === MINUS
    if (isNegative) byte = bytes[++at]!
    const first = at
    let mantissa = 0
    for (; byte >= ZERO && byte <= NINE; byte = bytes[++at]!) mantissa = mantissa * 10 + byte - ZERO
    let digits = at - first
    if (digits === 0 || (digits > 1 && bytes[first] === ZERO)) return -1
    let places = 0
    if (byte === POINT) {
      const point = ++at
      byte = bytes[at]!
      for (; byte >= ZERO && byte <= NINE; byte = bytes[++at]!) mantissa = mantissa * 10 + byte - ZERO
      places = at - point
      if (places === 0) return -1
      digits += places
    }
    let value = 0
    if ((byte | 32) === SMALL_E) {
      at = exponentEnd(bytes, at)
      if (at < 0) return -1
      value = Number(asciiFrom(bytes, start, at))
    } else if (digits <= 15) {
      value = mantissa / tens[places]!
      if (isNegative) value = -value
    } else {
      value = longNumber(bytes, start, at, isNegative ? -mantissa : mantissa, digits, places)
      isWhole = false
    }
    if (places > 0 || digits > 15 || (byte | 32) === SMALL_E) isWhole &&= Number.isInteger(value) && Math.abs(value) < 1e15
    if (value < low) low = value
    if (value > high) high = value
    values[length++] = value
    isAfterValue = true
  }
  list.values = values
  list.length = length
  list.isWhole = isWhole
  list.low = low
  list.high = high
  return at
}

/**
 * A number of more digits than a double holds, right once it is rounded to a float: the quotient is off by less than 2⁻⁴⁹ of
 * itself, so that it decides unless a boundary between two floats lies that near.
 */
function longNumber(bytes: Uint8Array, from: number, to: number, mantissa: number, digits: number, places: number): number {
  if (digits > 20 || places > 22) return Number(asciiFrom(bytes, from, to))
  const near = mantissa / tens[places]!
  const off = near * 2 ** -49
  return Math.fround(near - off) === Math.fround(near + off) ? near : Number(asciiFrom(bytes, from, to))
}

/** Where an exponent that begins at `from` ends; -1 when it has no digits. */
function exponentEnd(bytes: Uint8Array, from: number): number {
  let at = from + 1
  if (bytes[at] === 43 || bytes[at] === MINUS) at += 1
  const first = at
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at += 1
  return at > first ? at : -1
}

function widened(values: Float32Array): Float32Array<ArrayBuffer> {
  const wider = new Float32Array(values.length * 2)
  wider.set(values)
  return wider
}

function asciiFrom(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
