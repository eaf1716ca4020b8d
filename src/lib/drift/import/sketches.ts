import type { QuantileSketch } from '../profile/quantiles.ts'

/** Sketches of Apache DataSketches as they lie in bytes, little-endian (its C++ library, serial versions 1 and 2). */
type Bytes = { readonly view: DataView; readonly bytes: Uint8Array }

const KLL_FAMILY = 15
const FREQUENT_FAMILY = 10
const IS_EMPTY = 1
const IS_SINGLE = 4
const DOUBLE = 8

/**
 * A KLL sketch of doubles, with its least and greatest value. Its levels are those of our own quantile sketch: a value of level h
 * stands for 2^h rows. Throws RangeError when the bytes are none, or when their weights do not add up to the rows they name.
 */
export function quantilesFromKll(
  content: Uint8Array,
): { readonly sketch: QuantileSketch; readonly min: number; readonly max: number } | undefined {
  const { view } = checked(content, KLL_FAMILY, 'KLL')
  const flags = view.getUint8(3)
  const size = Math.min(65_536, Math.max(8, view.getUint16(4, true)))
  if (flags & IS_EMPTY) return undefined
  if (flags & IS_SINGLE) {
    need(view, 8 + DOUBLE)
    const value = view.getFloat64(8, true)
    return { sketch: { size, rows: 1, levels: [[value]], coin: 1 }, min: value, max: value }
  }
  // The levels follow the preamble, whose length in words of four bytes comes first: 6 for doubles.
  const preamble = 4 * view.getUint8(0)
  need(view, Math.max(preamble, 20))
  const rows = Number(view.getBigUint64(8, true))
  const count = view.getUint8(18)
  const start = preamble + 4 * count
  need(view, start + 2 * DOUBLE)
  const begins = Array.from({ length: count }, (_, level) => view.getUint32(preamble + 4 * level, true))
  const items = (content.length - start) / DOUBLE - 2
  const at = (item: number) => view.getFloat64(start + DOUBLE * (item + 2), true)
  const ends = [...begins.slice(1), begins[0]! + items]
  const levels = begins.map((begin, level) => {
    if (!(Number.isInteger(items) && begin <= ends[level]! && ends[level]! - begins[0]! <= items))
      throw new RangeError('the KLL sketch is cut off')
    return Array.from({ length: ends[level]! - begin }, (_, i) => at(begin - begins[0]! + i))
  })
  const weight = levels.reduce((sum, values, level) => sum + values.length * 2 ** level, 0)
  if (weight !== rows) throw new RangeError(`the KLL sketch names ${rows} rows, its values stand for ${weight}`)
  return { sketch: { size, rows, levels, coin: 1 }, min: view.getFloat64(start, true), max: view.getFloat64(start + DOUBLE, true) }
}

export type FrequentItems = {
  readonly values: readonly (readonly [value: string, rows: number])[]
  /** All rows counted; what `values` do not add up to is of other values, or of these beyond what is sure. */
  readonly rows: number
  /** No value that is absent, and no count, is off by more rows than this. */
  readonly error: number
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A sketch of frequent texts; a count is the least that is sure. Throws RangeError when the bytes are none. */
export function itemsFromFrequent(content: Uint8Array): FrequentItems {
  const { view, bytes } = checked(content, FREQUENT_FAMILY, 'frequent items')
  if (view.getUint8(0) < 4) return { values: [], rows: 0, error: 0 }
  need(view, 32)
  const count = view.getUint32(8, true)
  const [rows, error] = [Number(view.getBigUint64(16, true)), Number(view.getBigUint64(24, true))]
  let at = 32 + 8 * count
  need(view, at)
  const values = Array.from({ length: count }, (_, item) => {
    need(view, at + 4)
    const length = view.getUint32(at, true)
    need(view, at + 4 + length)
    const value = utf8.decode(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
    return [value, Number(view.getBigUint64(32 + 8 * item, true))] as const
  })
  return { values: values.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)), rows, error }
}

function checked(content: Uint8Array, family: number, title: string): Bytes {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  need(view, 8)
  if (view.getUint8(2) !== family) throw new RangeError(`these bytes are no sketch of ${title}`)
  if (view.getUint8(1) > 2) throw new RangeError(`the sketch of ${title} has version ${view.getUint8(1)}; 1 and 2 are known`)
  return { view, bytes: content }
}

function need(view: DataView, bytes: number): void {
  if (view.byteLength < bytes) throw new RangeError(`the sketch is cut off: ${view.byteLength} bytes where ${bytes} are needed`)
}
