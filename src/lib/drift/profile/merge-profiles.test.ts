import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { mergeProfiles } from './merge-profiles.ts'
import { ranksOf } from './quantiles.ts'
import { addToSample, createRowSample } from './row-sample.ts'
import type { ColumnHead, TableChunk } from './table.ts'
import { createProfiler, frameFrom, frameOf, profileChunk, profileOf, type TableProfile } from './table-profile.ts'

const heads: readonly ColumnHead[] = [
  { name: 'amount', kind: 'numeric' },
  { name: 'city', kind: 'category' },
  { name: 'note', kind: 'text' },
]

function chunkOf(seed: number, rows: number): TableChunk {
  const random = createRandom(seed)
  const amounts = Float64Array.from({ length: rows }, () => (random.bernoulli(0.1) ? Number.NaN : random.normal() + seed))
  const cities = Array.from({ length: rows }, () => (random.bernoulli(0.05) ? null : random.choice(['a', 'b', 'c'])))
  return { rows, columns: [amounts, cities, cities.map((city) => city && `${city} and more`)] }
}

function frameOfRows(chunk: TableChunk) {
  const sample = createRowSample(heads.length, 5_000)
  addToSample(sample, chunk, createRandom('frame'))
  return frameFrom(heads, sample)
}

function profiled(chunks: readonly TableChunk[], frame: ReturnType<typeof frameOfRows>, sampleRows = 100): TableProfile {
  const profiler = createProfiler(frame, { random: createRandom(chunks.length), sampleRows })
  for (const chunk of chunks) profileChunk(profiler, chunk)
  return profileOf(profiler)
}

describe('two profiles over the same bins', () => {
  const [one, other] = [chunkOf(1, 3_000), chunkOf(2, 2_000)]
  const frame = frameOfRows(one)
  const whole = profiled([one, other], frame)
  const parts = [profiled([one], frame), profiled([other], frame)] as const

  test('merge into the profile of all their rows, after JSON too', () => {
    const read = JSON.parse(JSON.stringify(parts[1])) as TableProfile
    const merged = mergeProfiles(parts[0], read)
    const [amount, city, note] = merged.columns
    const [expected, expectedCity, expectedNote] = whole.columns
    if (amount?.kind !== 'numeric' || expected?.kind !== 'numeric') throw new Error('the first column is no numeric one')
    const { mean, variance, quantiles, ...exact } = amount
    const { mean: itsMean, variance: itsVariance, quantiles: itsQuantiles, ...itsExact } = expected
    expect(exact).toEqual(itsExact)
    expect(mean).toBeCloseTo(itsMean!, 10)
    expect(variance).toBeCloseTo(itsVariance!, 8)
    for (const at of [-1, 0, 1, 2, 3]) expect(Math.abs(ranksOf(quantiles!, [at])[0]! - ranksOf(itsQuantiles!, [at])[0]!)).toBeLessThan(0.03)
    expect([city, note]).toEqual([expectedCity, expectedNote])
    expect([merged.rows, merged.sample.rows, merged.sample.priorities.length]).toEqual([5_000, 5_000, 100])
  })

  test('stay as they were, and merge in either order', () => {
    const before = JSON.stringify(parts)
    const [there, back] = [mergeProfiles(parts[0], parts[1]), mergeProfiles(parts[1], parts[0])]
    expect(JSON.stringify(parts)).toBe(before)
    const counts = ({ columns }: TableProfile) => columns.map((column) => (column.kind === 'numeric' ? column.counts : column))
    expect(counts(there)).toEqual(counts(back))
  })

  test('an empty side changes nothing', () => {
    const empty = profiled([], frame)
    const merged = mergeProfiles(parts[0], empty)
    expect(merged.columns).toEqual(parts[0].columns)
    expect(mergeProfiles(empty, parts[0]).columns.map(({ missing }) => missing)).toEqual(parts[0].columns.map(({ missing }) => missing))
    expect(merged.rows).toBe(3_000)
  })

  test('are refused where columns, bins or samples differ', () => {
    const otherBins = profiled([other], frameOfRows(other))
    expect(() => mergeProfiles(parts[0], otherBins)).toThrow(/same bins; those of column amount differ/)
    const fewer = { ...parts[1], columns: parts[1].columns.slice(1) }
    expect(() => mergeProfiles(parts[0], fewer)).toThrow(/same columns/)
    expect(() => mergeProfiles(parts[0], profiled([other], frameOf(parts[0]), 7))).toThrow(/same capacity/)
  })
})
