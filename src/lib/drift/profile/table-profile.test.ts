import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { quantilesOf } from './quantiles.ts'
import { addToSample, createRowSample } from './row-sample.ts'
import { type ColumnHead, kindOf, numberFrom, type TableChunk } from './table.ts'
import { createProfiler, frameFrom, frameOf, mergeProfilers, profileChunk, profileOf, watchedProfile } from './table-profile.ts'

const columns: readonly ColumnHead[] = [
  { name: 'age', kind: 'numeric' },
  { name: 'country', kind: 'category' },
  { name: 'note', kind: 'text' },
]

function chunkOf(rows: number, seed: number): TableChunk {
  const random = createRandom(seed)
  const age = Float64Array.from({ length: rows }, () => (random.bernoulli(0.1) ? Number.NaN : Math.round(40 + 10 * random.normal())))
  const country = Array.from({ length: rows }, () => (random.bernoulli(0.05) ? null : random.choice(['at', 'de', 'de', 'de', 'ch'])))
  return { rows, columns: [age, country, country.map((name) => name && `somebody from ${name}`)] }
}

function frameOfChunk(chunk: TableChunk) {
  const sample = createRowSample(3, 5_000)
  addToSample(sample, chunk, createRandom('frame'))
  return frameFrom(columns, sample)
}

describe('the profile of a table', () => {
  test('counts every row exactly', () => {
    const chunk = chunkOf(10_000, 1)
    const profiler = createProfiler(frameOfChunk(chunk), { random: createRandom(2) })
    profileChunk(profiler, chunk)
    const { rows, columns: found, sample } = profileOf(profiler)
    const [age, country, note] = found
    const ages = (chunk.columns[0] as Float64Array).filter((value) => !Number.isNaN(value))
    const mean = ages.reduce((sum, value) => sum + value, 0) / ages.length
    expect(rows).toBe(10_000)
    expect(age).toMatchObject({
      kind: 'numeric',
      missing: 10_000 - ages.length,
      wholeNumbers: true,
      min: Math.min(...ages),
      max: Math.max(...ages),
    })
    if (age?.kind !== 'numeric' || country?.kind !== 'category') throw new Error('the kinds are others')
    expect(age.counts.reduce((sum, count) => sum + count, 0)).toBe(ages.length)
    age.frame.edges.forEach((edge, i) => {
      const below = age.counts.slice(0, i + 1).reduce((sum, count) => sum + count, 0)
      expect(below).toBe(ages.filter((value) => value <= edge).length)
    })
    expect(age.mean).toBeCloseTo(mean, 2)
    expect(age.variance).toBeCloseTo(ages.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (ages.length - 1), 1)
    expect(Math.abs(quantilesOf(age.quantiles!, [0.5])[0]! - 40)).toBeLessThanOrEqual(1)
    const germans = (chunk.columns[1] as string[]).filter((value) => value === 'de').length
    expect(country.values[0]).toEqual(['de', germans])
    expect(country.values.reduce((sum, [, count]) => sum + count, 0) + country.missing).toBe(10_000)
    expect(note).toEqual({ name: 'note', kind: 'text', missing: country.missing })
    expect(sample.priorities).toHaveLength(2_000)
  })

  test('merged from parts counts what the profile of all rows counts', () => {
    const whole = chunkOf(3_000, 4)
    const frame = frameOfChunk(whole)
    const part = (from: number, to: number): TableChunk => ({
      rows: to - from,
      columns: whole.columns.map((column) => column.slice(from, to)),
    })
    const profilerOf = (...parts: TableChunk[]) => {
      const profiler = createProfiler(frame, { random: createRandom(1), quantiles: false, sampleRows: 0 })
      for (const one of parts) profileChunk(profiler, one)
      return profiler
    }
    const merged = profilerOf(part(0, 500))
    mergeProfilers(merged, profilerOf(part(500, 501)))
    mergeProfilers(merged, profilerOf(part(501, 3_000)))
    expect(profileOf(merged)).toEqual(profileOf(profilerOf(whole)))
  })

  test('goes to JSON and back, frames another table, and gives what monitors watch', () => {
    const profiler = createProfiler(frameOfChunk(chunkOf(2_000, 5)), { random: createRandom(6) })
    profileChunk(profiler, chunkOf(2_000, 5))
    const kept = JSON.parse(JSON.stringify(profileOf(profiler))) as ReturnType<typeof profileOf>
    expect(kept).toEqual(profileOf(profiler))
    expect(frameOf(kept).columns).toEqual(columns)
    const current = createProfiler(frameOf(kept), { random: createRandom(7) })
    profileChunk(current, chunkOf(500, 8), [3, 0, 0])
    const [age] = profileOf(current).columns
    if (age?.kind !== 'numeric' || kept.columns[0]?.kind !== 'numeric') throw new Error('the kinds are others')
    expect(age.unreadable).toBe(3)
    expect(age.frame).toEqual({ ...kept.columns[0].frame, min: kept.columns[0].min, max: kept.columns[0].max })
    const ages = [...(chunkOf(500, 8).columns[0] as Float64Array)]
    const greatest = kept.columns[0].max!
    expect(age.outside.above).toBe(ages.filter((value) => value > greatest).length)
    const { sampleSize, features } = watchedProfile(kept)
    expect(sampleSize).toBe(2_000)
    expect(features).toHaveLength(1)
    expect(features[0]!.expected.reduce((sum, share) => sum + share, 0) + features[0]!.missing).toBeCloseTo(1, 12)
  })

  test('refuses chunks of another shape, and knows what to say of no rows', () => {
    const profiler = createProfiler(frameOfChunk(chunkOf(50, 1)), { random: createRandom(1) })
    expect(() => profileChunk(profiler, { rows: 1, columns: [['x'], ['y'], ['z']] })).toThrow(/age is numeric, but the chunk holds texts/)
    expect(() => profileChunk(profiler, { rows: 1, columns: [] })).toThrow(/0 columns/)
    expect(profileOf(profiler).columns[0]).toMatchObject({ min: null, max: null, mean: null, variance: null, wholeNumbers: false })
  })
})

describe('what a column is', () => {
  test.each([
    [['1', '2.5', '', null, 'true'], 'numeric'],
    [['red', 'blue', 'red', null], 'category'],
    [['the cat sat on it', 'a dog ran away fast'], 'text'],
    [Array.from({ length: 30 }, (_, i) => `id-${i}`), 'identifier'],
    [[null, ' '], 'empty'],
    [[], 'empty'],
  ] as const)('%j is %s', (values, kind) => {
    expect(kindOf(values)).toBe(kind)
  })

  test.each([
    [' 1e3 ', 1000],
    ['TRUE', 1],
    ['false', 0],
    ['0x10', Number.NaN],
    ['Infinity', Number.NaN],
    ['12 kg', Number.NaN],
    ['', Number.NaN],
  ])('%j reads as %d', (text, value) => {
    expect(numberFrom(text)).toBe(value)
  })
})
