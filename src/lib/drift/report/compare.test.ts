import { describe, expect, test } from 'vitest'
import { createRandom, type Random } from '../../random.ts'
import { addToSample, createRowSample } from '../profile/row-sample.ts'
import type { ColumnHead, ColumnValues } from '../profile/table.ts'
import { createProfiler, frameFrom, frameOf, profileChunk, profileOf, type TableProfile } from '../profile/table-profile.ts'
import { compareTables } from './compare.ts'

type Columns = Readonly<Record<string, ColumnValues>>

function headsOf(columns: Columns): ColumnHead[] {
  return Object.entries(columns).map(([name, values]) => ({ name, kind: values instanceof Float64Array ? 'numeric' : 'category' }))
}

function profiled(columns: Columns, over?: TableProfile, sampleRows = 2_000): TableProfile {
  const chunk = { rows: Object.values(columns)[0]?.length ?? 0, columns: Object.values(columns) }
  const heads = headsOf(columns)
  const sample = createRowSample(heads.length, 5_000)
  addToSample(sample, chunk, createRandom('frame'))
  const sameColumns = over && JSON.stringify(frameOf(over).columns) === JSON.stringify(heads)
  const profiler = createProfiler(sameColumns ? frameOf(over) : frameFrom(heads, sample), { random: createRandom('rows'), sampleRows })
  profileChunk(profiler, chunk)
  return profileOf(profiler)
}

const normal = (random: Random, rows: number, mean = 0) => Float64Array.from({ length: rows }, () => mean + random.normal())
const drawn = (random: Random, rows: number, names: readonly string[]) => Array.from({ length: rows }, () => random.choice(names))

function compare(reference: Columns, current: Columns, more: Partial<Parameters<typeof compareTables>[0]> = {}) {
  const before = profiled(reference)
  const names = { reference: 'before', current: 'after' }
  return compareTables({ reference: before, current: profiled(current, before), names, createdAt: 1, ...more })
}

const columnOf = (report: ReturnType<typeof compare>, name: string) => report.columns.find((column) => column.name === name)!

describe('a table held against its reference', () => {
  test('without a change names a column in at most alpha of the reports', () => {
    let named = 0
    for (let world = 0; world < 300; world++) {
      const random = createRandom(world)
      const draw = (rows: number): Columns => ({
        a: normal(random, rows),
        b: normal(random, rows),
        c: drawn(random, rows, ['x', 'y', 'z']),
      })
      const report = compare(draw(400), draw(300), { settings: { alpha: 0.1, tolerance: 0 } })
      if (report.verdict === 'drift') named++
    }
    // 30 are allowed; above 45 the true rate is over 0.1 with more than 99.5 % confidence.
    expect(named).toBeLessThanOrEqual(45)
  })

  test('says which column moved, how far, and how surely', () => {
    const random = createRandom(1)
    const report = compare(
      { calm: normal(random, 2_000), moved: normal(random, 2_000), city: drawn(random, 2_000, ['a', 'b']) },
      { calm: normal(random, 2_000), moved: normal(random, 2_000, 1), city: drawn(random, 2_000, ['a', 'b']) },
    )
    const moved = columnOf(report, 'moved')
    expect(report).toMatchObject({ verdict: 'drift', severity: 'severe', driftedShare: 1 / 3 })
    expect(report.reason).toContain('moved')
    expect(moved).toMatchObject({ verdict: 'drift', severity: 'severe', effect: { name: 'share of rows moved' } })
    expect(moved.adjustedPValue).toBeLessThan(1e-50)
    // Two normals a deviation apart: total variation 2Φ(1/2) − 1 = 0.383, a little less over bins.
    expect(moved.effect!.value).toBeGreaterThan(0.34)
    expect(moved.effect!.value).toBeLessThan(0.42)
    expect(moved.tests.map((outcome) => outcome.test)).toEqual(
      expect.arrayContaining(['psi', 'kolmogorov_smirnov', 'wasserstein', 'welch', 'levene', 'jensen_shannon']),
    )
    expect(moved.reference!.bars.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
    expect(columnOf(report, 'calm').verdict).toBe('stable')
    expect(columnOf(report, 'city').verdict).toBe('stable')
  })

  test('a change that many rows prove but that is small is no drift, and the report says why', () => {
    const random = createRandom(2)
    const report = compare({ a: normal(random, 60_000) }, { a: normal(random, 60_000, 0.06) })
    expect(report.verdict).toBe('stable')
    expect(columnOf(report, 'a').adjustedPValue).toBeLessThan(1e-6)
    expect(columnOf(report, 'a').reason).toContain('too small to matter')
  })

  test('too few rows is an answer of its own', () => {
    const random = createRandom(3)
    const report = compare({ a: normal(random, 1_000) }, { a: normal(random, 30, 5) })
    expect(report).toMatchObject({ verdict: 'insufficient_data', severity: 'none' })
    expect(columnOf(report, 'a').reason).toContain('at least 200')
  })

  test('a column that is gone, emptied or of another kind is never fine', () => {
    const random = createRandom(4)
    const rows = 500
    const reference = { a: normal(random, rows), b: normal(random, rows), c: normal(random, rows) }
    const report = compare(reference, {
      a: new Float64Array(rows).fill(Number.NaN),
      c: drawn(random, rows, ['x', 'y']),
      d: normal(random, rows),
    })
    expect(report).toMatchObject({ verdict: 'drift', severity: 'severe' })
    expect(columnOf(report, 'a')).toMatchObject({ verdict: 'drift', severity: 'severe' })
    expect(columnOf(report, 'b').findings).toMatchObject([{ kind: 'vanished_column' }])
    expect(columnOf(report, 'c').findings).toMatchObject([{ kind: 'type_change' }])
    expect(columnOf(report, 'd')).toMatchObject({ verdict: 'insufficient_data', findings: [{ kind: 'new_column' }] })
    const few = compare({ a: normal(random, 20), b: normal(random, 20) }, { a: normal(random, 20) })
    expect(few.verdict).toBe('drift')
  })

  test('missing values, new names and values out of range are told in words', () => {
    const random = createRandom(5)
    const some = (value: number) => (random.bernoulli(0.2) ? Number.NaN : value)
    const report = compare(
      { age: normal(random, 1_000).map((value) => Math.round(value)), city: drawn(random, 1_000, ['a', 'b']) },
      { age: normal(random, 1_000).map((value) => some(value * 30)), city: drawn(random, 1_000, ['a', 'b', 'a', 'c']) },
    )
    const kinds = columnOf(report, 'age').findings.map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['missing_share', 'below_range', 'above_range', 'fractions']))
    expect(columnOf(report, 'city').findings).toMatchObject([{ kind: 'new_category' }])
    expect(columnOf(report, 'city').bars).toContain('not in the reference')
    expect(columnOf(report, 'city')).toMatchObject({ verdict: 'drift', severity: 'moderate' })
  })

  test('labels that have not come yet are no drift; labels that changed are', () => {
    const random = createRandom(6)
    const label = (rows: number, share: number, come: number) =>
      Float64Array.from({ length: rows }, () => (random.bernoulli(come) ? Number(random.bernoulli(share)) : Number.NaN))
    const roles = { label: 'label' } as const
    expect(compare({ label: label(2_000, 0.5, 1) }, { label: label(2_000, 0.5, 0.3) }, { roles }).verdict).toBe('stable')
    expect(compare({ label: label(2_000, 0.5, 1) }, { label: label(2_000, 0.5, 0) }, { roles }).verdict).toBe('insufficient_data')
    const changed = compare({ label: label(2_000, 0.5, 1) }, { label: label(2_000, 0.8, 0.3) }, { roles })
    expect(columnOf(changed, 'label')).toMatchObject({ verdict: 'drift', role: 'label' })
    expect(changed.driftedShare).toBe(0)
  })

  test('a profile over other bins is counted by its quantiles, or else by its sample', () => {
    const random = createRandom(7)
    const reference = profiled({ a: normal(random, 5_000) })
    const other = profiled({ a: normal(random, 5_000, 1) })
    const names = { reference: 'before', current: 'after' }
    const exact = compareTables({ reference, current: profiled({ a: normal(createRandom(8), 5_000, 1) }, reference), names, createdAt: 1 })
    const [a] = other.columns
    if (a?.kind !== 'numeric') throw new Error('the column is no numeric one')
    const bySample = { ...other, columns: [{ ...a, quantiles: null }] }
    for (const current of [other, bySample]) {
      const report = compareTables({ reference, current, names, createdAt: 1 })
      expect(report.columns[0]!.effect!.value).toBeCloseTo(exact.columns[0]!.effect!.value, 1)
    }
    const neither = { ...bySample, sample: createRowSample(1, 0) }
    expect(compareTables({ reference, current: neither, names, createdAt: 1 })).toMatchObject({
      verdict: 'insufficient_data',
      columns: [{ reason: expect.stringMatching(/other bins/) }],
    })
  })

  test('another test can decide, with the tolerance of its own unit; one that does not fit is refused', () => {
    const random = createRandom(9)
    const sides = [{ a: normal(random, 2_000) }, { a: normal(random, 2_000, 0.5) }] as const
    const report = compare(...sides, { settings: { numericTest: 'wasserstein' } })
    expect(report.columns[0]).toMatchObject({
      verdict: 'drift',
      severity: 'moderate',
      effect: { name: 'distance in reference deviations' },
    })
    expect(() => compare(...sides, { settings: { numericTest: 'domain_classifier' } })).toThrow(/no test of two samples of numbers/)
  })

  test('swapping the sides swaps what is shown and keeps the distance', () => {
    const random = createRandom(10)
    const a = profiled({ v: normal(random, 3_000) })
    const b = profiled({ v: normal(random, 3_000, 0.8) }, a)
    const names = { reference: 'one', current: 'other' }
    const there = compareTables({ reference: a, current: b, names, createdAt: 1 })
    const back = compareTables({ reference: b, current: a, names, createdAt: 1 })
    expect(back.columns[0]!.effect!.value).toBeCloseTo(there.columns[0]!.effect!.value, 12)
    expect(back.columns[0]!.reference!.bars).toEqual(there.columns[0]!.current!.bars)
  })
})
