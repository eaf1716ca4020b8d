import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { addHeavyHitter, commonest, createHeavyHitters, mergeHeavyHitters } from './heavy-hitters.ts'

/** Values 0, 1, 2 …, each half as common as the one before, among many that come once. */
function stream(rows: number, seed: number): string[] {
  const random = createRandom(seed)
  return Array.from({ length: rows }, (_, i) => {
    const level = Math.floor(-Math.log2(random.next()))
    return level < 5 ? `v${level}` : `once-${seed}-${i}`
  })
}

function trueCounts(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function hittersOf(values: readonly string[], capacity: number) {
  const hitters = createHeavyHitters(capacity)
  for (const value of values) addHeavyHitter(hitters, value)
  return hitters
}

describe('heavy hitters', () => {
  test('are exact while they fit, sorted by count and then by name', () => {
    const hitters = hittersOf(['b', 'a', 'b', 'c', 'a', 'b'], 3)
    expect(commonest(hitters)).toEqual({
      values: [
        ['b', 3],
        ['a', 2],
        ['c', 1],
      ],
      other: 0,
    })
  })

  test('beyond that, undercount by no more than the bound says, and lose no row', () => {
    for (const seed of [1, 2, 3]) {
      const values = stream(20_000, seed)
      const hitters = hittersOf(values, 50)
      const { values: found, other } = commonest(hitters)
      const truth = trueCounts(values)
      expect(found.length).toBeLessThanOrEqual(50)
      expect(found.reduce((sum, [, rows]) => sum + rows, 0) + other).toBe(20_000)
      for (const [value, rows] of found) {
        expect(rows).toBeLessThanOrEqual(truth.get(value)!)
        expect(truth.get(value)! - rows).toBeLessThanOrEqual(other / 51)
      }
      expect(found.slice(0, 3).map(([value]) => value)).toEqual(['v0', 'v1', 'v2'])
    }
  })

  test('merged from parts keep the same bound', () => {
    const parts = [stream(5_000, 1), stream(9_000, 2), stream(50, 3)]
    const merged = createHeavyHitters(50)
    for (const part of parts) mergeHeavyHitters(merged, hittersOf(part, 50))
    const truth = trueCounts(parts.flat())
    const { values, other } = commonest(merged)
    expect(merged.rows).toBe(14_050)
    expect(values.reduce((sum, [, rows]) => sum + rows, 0) + other).toBe(14_050)
    for (const [value, rows] of values) expect(truth.get(value)! - rows).toBeLessThanOrEqual(other / 51)
  })

  test('refuse a capacity that holds nothing, and to merge with another capacity', () => {
    expect(() => createHeavyHitters(0)).toThrow(/at least 1/)
    expect(() => mergeHeavyHitters(createHeavyHitters(2), createHeavyHitters(3))).toThrow(/2 and 3/)
  })
})
