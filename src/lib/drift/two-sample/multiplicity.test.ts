import { expect, test } from 'vitest'
import recorded from './fixtures/multiplicity.json' with { type: 'json' }
import { benjaminiHochbergAdjusted, holmAdjusted } from './multiplicity.ts'

test.each(recorded)('$p agrees with statsmodels', ({ p, holm, benjaminiHochberg }) => {
  holmAdjusted(p).forEach((value, i) => {
    expect(value).toBeCloseTo(holm[i]!, 12)
  })
  benjaminiHochbergAdjusted(p).forEach((value, i) => {
    expect(value).toBeCloseTo(benjaminiHochberg[i]!, 12)
  })
})

test('nothing to adjust gives nothing, one p-value itself', () => {
  for (const adjust of [holmAdjusted, benjaminiHochbergAdjusted]) {
    expect(adjust([])).toEqual([])
    expect(adjust([0.03])).toEqual([0.03])
    expect(() => adjust([0.1, 1.2])).toThrow(RangeError)
    expect(() => adjust([Number.NaN])).toThrow(RangeError)
  }
})
