import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { bf16FromNumber, fp16FromNumber, numberFromBf16, numberFromFp16 } from './half.ts'

test('every binary16 that is a number survives the way to a number and back', () => {
  for (let half = 0; half < 0x10000; half++) {
    const value = numberFromFp16(half)
    if (Number.isNaN(value)) continue
    expect(fp16FromNumber(value)).toBe(half)
  }
})

test('every bfloat16 that is a number survives the way to a number and back', () => {
  for (let half = 0; half < 0x10000; half++) {
    const value = numberFromBf16(half)
    if (Number.isNaN(value)) continue
    expect(bf16FromNumber(value)).toBe(half)
  }
})

test('numbers in between go to the nearest binary16, as the engine’s own conversion says', () => {
  const engine = new DataView(new ArrayBuffer(2))
  const random = createRandom('halves')
  const edges = [0, -0, 2 ** -25, 2 ** -24 * 1.5, 65_504, 65_519.99, 65_520, -1e9, Number.POSITIVE_INFINITY, 6.1e-5, 2047.5, 2048.5]
  const drawn = Array.from({ length: 20_000 }, () => (random.next() - 0.5) * 10 ** (random.int(16) - 8))
  for (const value of [...edges, ...drawn]) {
    // biome-ignore lint/suspicious/noExplicitAny: newer than the library's types
    ;(engine as any).setFloat16(0, value)
    expect(fp16FromNumber(value), String(value)).toBe(engine.getUint16(0))
  }
  expect(numberFromFp16(fp16FromNumber(Number.NaN))).toBeNaN()
  expect(numberFromBf16(bf16FromNumber(Number.NaN))).toBeNaN()
})
