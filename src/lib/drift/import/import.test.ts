import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { ranksOf } from '../profile/quantiles.ts'
import type { CategoryColumn, NumericColumn, TableProfile } from '../profile/table-profile.ts'
import { compareTables } from '../report/compare.ts'
import { isEvidently, profileFromEvidently } from './evidently.ts'
import { itemsFromFrequent, quantilesFromKll } from './sketches.ts'
import { isWhylogs, profileFromWhylogs } from './whylogs.ts'

const recorded = (name: string) => JSON.parse(fs.readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8'))

/** The rule of fixtures/record.py. */
const amounts = (rows: number, shift: number) => Array.from({ length: rows }, (_, i) => ((i * 7919) % 1000) / 10 + shift)
const numeric = ({ columns }: TableProfile, name: string) => columns.find((column) => column.name === name) as NumericColumn
const category = ({ columns }: TableProfile, name: string) => columns.find((column) => column.name === name) as CategoryColumn
const compare = (reference: TableProfile, current: TableProfile) =>
  compareTables({ reference, current, names: { reference: 'before', current: 'after' }, createdAt: 1 })

describe('a profile of whylogs', () => {
  const files = recorded('whylogs.json') as Record<
    'small' | 'large',
    { base64: string; rows: number; ranks: [at: number, rank: number][]; mean: number; retained: number }
  >
  const bytesOf = (which: 'small' | 'large') => Buffer.from(files[which].base64, 'base64')
  const read = (which: 'small' | 'large') => profileFromWhylogs(bytesOf(which))

  test.each(['small', 'large'] as const)('%s: sketch, moments and counts are those the library itself gives', (which) => {
    const { profile, problems } = read(which)
    const { rows, ranks, mean, retained } = files[which]
    const amount = numeric(profile, 'amount')
    expect(profile.rows).toBe(rows)
    expect(amount.quantiles!.levels.flat()).toHaveLength(retained)
    expect(amount.quantiles!.levels.length).toBeGreaterThan(1)
    for (const [at, rank] of ranks) expect(ranksOf(amount.quantiles!, [at])[0]).toBeCloseTo(rank, 12)
    expect(amount.mean).toBeCloseTo(mean, 12)
    expect(amount.counts.reduce((sum, count) => sum + count, 0)).toBe(rows)
    expect(problems).toEqual([])
    expect(profile.columns).toContainEqual({ name: 'empty', kind: 'empty', missing: rows })
  })

  test('is near the true ranks, has exact extremes, and the names of texts with their rows', () => {
    const { profile } = read('large')
    const amount = numeric(profile, 'amount')
    const values = amounts(4_000, 20)
    for (const at of [30, 50, 70, 90, 110]) {
      const rank = values.filter((value) => value <= at).length / values.length
      // A sketch of size 16 is off by some percent; whylogs writes 1,024 unless told otherwise.
      expect(Math.abs(ranksOf(amount.quantiles!, [at])[0]! - rank)).toBeLessThan(0.12)
    }
    expect([amount.min, amount.max]).toEqual([20, Math.max(...values)])
    expect(category(read('small').profile, 'country')).toEqual({
      name: 'country',
      kind: 'category',
      missing: 0,
      values: [
        ['DE', 200],
        ['FR', 100],
        ['US', 100],
      ],
      other: 0,
    })
  })

  test('is held against another: what moved is found, what did not is not', () => {
    const report = compare(read('small').profile, read('large').profile)
    const verdicts = Object.fromEntries(report.columns.map(({ name, verdict }) => [name, verdict]))
    expect(verdicts).toMatchObject({ amount: 'drift', country: 'drift' })
    expect(compare(read('large').profile, read('large').profile).verdict).toBe('stable')
  })

  test('that is cut off, changed or none is refused or told, never read wrongly', () => {
    const bytes = bytesOf('small')
    expect(isWhylogs(bytes)).toBe(true)
    expect(isWhylogs(Buffer.from('WHY'))).toBe(false)
    expect(() => profileFromWhylogs(Buffer.from('PAR1 and so on'))).toThrow(/does not begin with WHY1/)
    const whole = profileFromWhylogs(bytes).profile
    for (let end = 5; end < bytes.length; end += 97) {
      let read: ReturnType<typeof profileFromWhylogs> | undefined
      try {
        read = profileFromWhylogs(bytes.subarray(0, end))
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
      for (const column of read?.profile.columns ?? []) expect(column).toEqual(whole.columns.find(({ name }) => name === column.name))
    }
  })
})

describe('sketches in bytes', () => {
  test('of another family or a later version are refused', () => {
    expect(() => quantilesFromKll(Uint8Array.of(6, 1, 10, 0, 16, 0, 8, 0))).toThrow(/no sketch of KLL/)
    expect(() => itemsFromFrequent(Uint8Array.of(4, 9, 10, 0, 0, 0, 0, 0))).toThrow(/version 9/)
    expect(() => quantilesFromKll(Uint8Array.of(6, 1))).toThrow(/cut off/)
  })

  test('that are empty hold nothing; of one value, that value', () => {
    expect(quantilesFromKll(Uint8Array.of(2, 1, 15, 1, 16, 0, 8, 0))).toBeUndefined()
    const one = new Uint8Array(16)
    one.set([2, 2, 15, 4, 16, 0, 8, 0])
    new DataView(one.buffer).setFloat64(8, 2.5, true)
    expect(quantilesFromKll(one)).toMatchObject({ min: 2.5, max: 2.5, sketch: { rows: 1, levels: [[2.5]] } })
    expect(itemsFromFrequent(Uint8Array.of(1, 1, 10, 5, 3, 5, 0, 0))).toEqual({ values: [], rows: 0, error: 0 })
  })

  test('whose weights do not add up are refused', () => {
    const bytes = new Uint8Array(24 + 4 + 16 + 8)
    bytes.set([6, 1, 15, 0, 16, 0, 8, 0, 2])
    bytes[18] = 1
    expect(() => quantilesFromKll(bytes)).toThrow(/names 2 rows, its values stand for 1/)
  })
})

describe('a report of Evidently', () => {
  const snapshot = recorded('evidently-snapshot.json')
  const report = recorded('evidently-report.json')
  const metrics = recorded('evidently-metrics.json')

  test('as a snapshot holds both sides over the same bins', () => {
    const [reference, current] = [profileFromEvidently(snapshot, 'reference'), profileFromEvidently(snapshot, 'current')]
    const before = numeric(reference.profile, 'amount')
    const values = amounts(400, 0)
    const edges = [...before.frame.edges, Number.POSITIVE_INFINITY]
    const counted = edges.map((edge, bin) => values.filter((value) => value <= edge && (bin === 0 || value > edges[bin - 1]!)).length)
    expect(before.counts).toEqual(counted)
    expect(category(reference.profile, 'country').values).toEqual([
      ['DE', 200],
      ['FR', 100],
      ['US', 100],
    ])
    const verdicts = Object.fromEntries(compare(reference.profile, current.profile).columns.map(({ name, verdict }) => [name, verdict]))
    expect(verdicts).toEqual({ amount: 'drift', age: 'stable', country: 'drift' })
    expect(reference.problems).toEqual([])
  })

  test('as JSON before 0.7 holds densities, counted by the rows of its categories', () => {
    const { profile } = profileFromEvidently(report, 'reference')
    const counts = numeric(profile, 'age').counts
    expect(Math.abs(counts.reduce((sum, count) => sum + count, 0) - 400)).toBeLessThan(5)
    expect(profile.rows).toBeGreaterThanOrEqual(400)
    const bare = structuredClone(report)
    for (const { result } of bare.metrics) delete result.drift_by_columns?.country
    expect(() => profileFromEvidently(bare, 'reference')).toThrow(/densities only/)
  })

  test('as JSON of 0.7 holds categories only, and says so of the rest', () => {
    const { profile, problems, unread } = profileFromEvidently(metrics, 'current')
    expect([...unread].sort()).toEqual(['age', 'amount'])
    expect(profile.columns.map(({ name, kind }) => [name, kind])).toEqual([['country', 'category']])
    expect(profile.rows).toBe(400)
    expect(problems).toEqual(expect.arrayContaining([expect.stringMatching(/^amount: .*no distribution/)]))
  })

  test('is told from other JSON', () => {
    expect([snapshot, report, metrics].map(isEvidently)).toEqual([true, true, true])
    expect([{}, [], null, { metrics: [] }, { a: [0.5, 0.5] }].map(isEvidently)).toEqual([false, false, false, false, false])
    expect(() => profileFromEvidently({}, 'current')).toThrow(/no report or snapshot/)
  })
})
