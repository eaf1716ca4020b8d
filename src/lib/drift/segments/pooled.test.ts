import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import recorded from './fixtures/pooled.json' with { type: 'json' }
import { concentrationOf, segmentShifts } from './pooled.ts'

const options = { tolerance: 0.1, random: createRandom(1) }

describe('segments that borrow strength', () => {
  test.each(recorded)('the likeliest concentration is the one SciPy finds: $concentration', ({ counts, shares, concentration }) => {
    expect(Math.abs(Math.log(concentrationOf(counts, shares) / concentration))).toBeLessThan(1e-4)
  })

  test('a segment with many rows decides alone, one with few stays near the whole', () => {
    const like = (name: string, rows: number, share: number) => ({
      name,
      reference: [rows / 2, rows / 2],
      current: [Math.round(rows * share), rows - Math.round(rows * share)],
    })
    const segments = [
      ...Array.from({ length: 8 }, (_, i) => like(`calm ${i}`, 1_000, 0.5)),
      like('large', 2_000, 0.8),
      like('tiny', 5, 0.8),
    ]
    const shifts = segmentShifts(segments, options)
    const [large, tiny] = [shifts.at(-2)!, shifts.at(-1)!]
    expect(large.effect).toBeGreaterThan(0.25)
    expect(large.probability).toBe(1)
    expect(large.ownWeight).toBeGreaterThan(0.9)
    expect(tiny.effect).toBeLessThan(0.2)
    expect(tiny.effect).toBeGreaterThan(0)
    expect(tiny.ownWeight).toBeLessThan(0.3)
    expect(tiny.probability).toBeLessThan(0.9)
    for (const calm of shifts.slice(0, 8)) expect(calm.probability).toBeLessThan(0.05)
  })

  test('more rows with the same shares are more evidence', () => {
    const probabilities = [10, 100, 1_000].map((rows) => {
      const calm = [330, 360, 380, 420, 440, 470].map((hits) => ({ name: `${hits}`, reference: [400, 600], current: [hits, 1_000 - hits] }))
      const moved = { name: 'moved', reference: [400, 600], current: [0.55 * rows, 0.45 * rows] }
      return segmentShifts([...calm, moved], { tolerance: 0.05, random: createRandom(3) }).at(-1)!.probability
    })
    expect(probabilities[0]!).toBeLessThan(probabilities[1]!)
    expect(probabilities[1]!).toBeLessThan(probabilities[2]!)
    expect(probabilities[2]!).toBeGreaterThan(0.95)
  })

  test('without a change few segments are called moved', () => {
    const random = createRandom(8)
    let called = 0
    for (let world = 0; world < 20; world++) {
      const segments = Array.from({ length: 20 }, (_, i) => {
        const p = 0.3 + 0.4 * random.next()
        const drawn = (rows: number) => {
          const hits = random.binomial(rows, p)
          return [hits, rows - hits]
        }
        return { name: `${i}`, reference: drawn(500), current: drawn(5 + random.int(200)) }
      })
      called += segmentShifts(segments, { tolerance: 0.1, random }).filter(({ probability }) => probability >= 0.95).length
    }
    expect(called / 400).toBeLessThan(0.05)
  })

  test('a segment without rows is the whole, and bins that differ are refused', () => {
    const [, empty] = segmentShifts(
      [
        { name: 'some', reference: [10, 30], current: [10, 30] },
        { name: 'none', reference: [0, 0], current: [0, 0] },
      ],
      options,
    )
    expect(empty!.ownWeight).toBe(0)
    expect(empty!.currentShares[0]).toBeCloseTo(0.256, 2)
    expect(segmentShifts([], options)).toEqual([])
    expect(() => segmentShifts([{ name: 'a', reference: [1], current: [1, 2] }], options)).toThrow(/1 and 2 bins/)
  })
})
