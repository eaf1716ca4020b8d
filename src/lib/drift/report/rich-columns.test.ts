import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { addToSample, createRowSample } from '../profile/row-sample.ts'
import type { ColumnValues } from '../profile/table.ts'
import { createProfiler, frameFrom, frameOf, profileChunk, profileOf, type TableProfile } from '../profile/table-profile.ts'
import { blockFrom, type RowBlock } from '../two-sample/row-block.ts'
import { compareTables, needsNewBaseline, worstFirst } from './compare.ts'
import { reportPage } from './html/page.ts'
import { compareJointly } from './joint.ts'
import { compareEmbeddingColumn, compareTextColumn } from './rich-columns.ts'
import { compareSampledSegments } from './sampled-segments.ts'

type Columns = Readonly<Record<string, ColumnValues>>
const options = { alpha: 0.01, columns: 3 }

function profiled(columns: Columns, over?: TableProfile, sampleRows = 2_000): TableProfile {
  const heads = Object.entries(columns).map(
    ([name, values]) => ({ name, kind: values instanceof Float64Array ? 'numeric' : 'category' }) as const,
  )
  const chunk = { rows: Object.values(columns)[0]!.length, columns: Object.values(columns) }
  const sample = createRowSample(heads.length, 5_000)
  addToSample(sample, chunk, createRandom('frame'))
  const profiler = createProfiler(over ? frameOf(over) : frameFrom(heads, sample), { random: createRandom(over ? 1 : 2), sampleRows })
  profileChunk(profiler, chunk)
  return profileOf(profiler)
}

function report(compared: Parameters<typeof compareTables>[0]['compared'] & {}) {
  const random = createRandom(1)
  const reference = profiled({ calm: Float64Array.from({ length: 400 }, () => random.normal()) })
  return compareTables({ reference, current: reference, names: { reference: 'a', current: 'b' }, compared, createdAt: 1 })
}

describe('prose in a report', () => {
  const complaints = (seed: number, rows: number, topic: string) => {
    const random = createRandom(seed)
    const words = ['the order', 'came late', 'was fine', 'is for my house', 'and the box', 'in the rain', 'to be sent back']
    return Array.from({ length: rows }, () => `${random.choice(words)} ${random.choice(words)} ${random.bernoulli(0.7) ? topic : 'today'}`)
  }
  const side = (texts: readonly string[]) => ({ texts, rows: texts.length, missing: 0 })

  test('drifts by its new words, which are told', () => {
    const column = compareTextColumn('body', side(complaints(1, 300, 'the order')), side(complaints(2, 300, 'refund scam')), options)
    const { columns, verdict } = report([column])
    expect(verdict).toBe('drift')
    expect(columns.find(({ name }) => name === 'body')).toMatchObject({ kind: 'text', verdict: 'drift' })
    expect(column.findings.map(({ text }) => text)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^the word "refund" is in \d+ % of the texts, 0 % in the reference/)]),
    )
  })

  test('from one source is stable, and without texts it is not judged', () => {
    const calm = compareTextColumn('body', side(complaints(1, 300, 'refund')), side(complaints(2, 300, 'refund')), options)
    expect(report([calm]).columns.find(({ name }) => name === 'body')!.verdict).toBe('stable')
    const none = compareTextColumn('body', side([]), side(complaints(2, 300, 'refund')), options)
    expect(none).toMatchObject({ decisive: undefined, broken: false, reason: expect.stringMatching(/the reference has none/) })
  })
})

describe('vectors in a report', () => {
  const vectors = (seed: number, rows: number, shift: number, width = 16): RowBlock => {
    const random = createRandom(seed)
    return blockFrom(
      Array.from({ length: rows }, () => Array.from({ length: width }, (_, d) => random.normal() + (d === 0 ? 5 + shift : 0))),
    )
  }

  test('drift when they move, and not when they do not', () => {
    const verdictOf = (shift: number) => {
      const column = compareEmbeddingColumn('meaning', vectors(1, 400, 0), vectors(2, 400, shift), options)
      return report([column]).columns.find(({ name }) => name === 'meaning')!.verdict
    }
    expect([verdictOf(0), verdictOf(3)]).toEqual(['stable', 'drift'])
  })

  test('are told with every measure, clusters and components among them, as JSON and as a page', () => {
    const column = compareEmbeddingColumn('meaning', vectors(1, 400, 0), vectors(2, 400, 0.5), options)
    const whole = report([column])
    const { tests } = whole.columns.find(({ name }) => name === 'meaning')!
    const names = ['centroid_cosine', 'centroid_distance', 'pairwise_cosine', 'neighbour_distance', 'mmd']
    expect(tests.map(({ test }) => test)).toEqual([...names, 'cluster_angles', 'cluster_shares', 'component_projections'])
    expect(JSON.parse(JSON.stringify(tests))).toEqual(tests)
    for (const said of ['cluster angles', 'cluster shares', 'component projections', 'p-value adjusted by Holm'])
      expect(reportPage(whole)).toContain(said)
  })

  test('of another model need a new baseline: no drift, and not fine', () => {
    const column = compareEmbeddingColumn('meaning', vectors(1, 200, 0), vectors(2, 200, 0, 24), options)
    const whole = report([column])
    const found = whole.columns.find(({ name }) => name === 'meaning')!
    expect(found).toMatchObject({ verdict: 'insufficient_data', findings: [{ kind: 'new_baseline_required' }] })
    expect(needsNewBaseline(found)).toBe(true)
    expect(whole).toMatchObject({
      verdict: 'insufficient_data',
      reason: expect.stringMatching(/^meaning needs a new baseline: .*24 dimensions/),
    })
    expect(worstFirst(whole.columns)[0]!.name).toBe('meaning')
  })

  test('without a row are not judged', () => {
    expect(compareEmbeddingColumn('meaning', vectors(1, 100, 0), undefined, options).reason).toMatch(/the current has no complete one/)
  })
})

describe('all columns together', () => {
  const table = (seed: number, rows: number, turned: boolean): Columns => {
    const random = createRandom(seed)
    const a = Float64Array.from({ length: rows }, () => random.normal())
    const b = a.map((value) => (turned ? -1 : 1) * 0.9 * value + 0.44 * random.normal())
    return { a, b, city: Array.from({ length: rows }, () => random.choice(['x', 'y'])) }
  }
  const names = ['a', 'b', 'city']
  const joint = { alpha: 0.01, leastRows: 200 }

  test('a correlation that turned is found where no column shows it, and its columns are named', () => {
    const reference = profiled(table(1, 1_500, false))
    const current = profiled(table(2, 1_500, true), reference)
    expect(compareTables({ reference, current, names: { reference: '', current: '' }, createdAt: 1 }).verdict).toBe('stable')
    const found = compareJointly(reference, current, names, joint)
    expect(found.verdict).toBe('drift')
    expect(
      found.columns
        .slice(0, 2)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'b'])
    expect(found.columns.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12)
  })

  test('nothing is found where nothing changed, and too little is said to be that', () => {
    const reference = profiled(table(1, 800, false))
    expect(compareJointly(reference, profiled(table(2, 800, false), reference), names, joint).verdict).toBe('stable')
    expect(compareJointly(reference, profiled(table(2, 50, false), reference), names, joint)).toMatchObject({
      verdict: 'insufficient_data',
      reason: expect.stringMatching(/50 sampled rows/),
    })
    expect(compareJointly(reference, profiled(table(2, 800, false), reference, 0), names, joint).reason).toMatch(
      /the current profile keeps none/,
    )
    expect(compareJointly(reference, reference, ['a'], joint).reason).toMatch(/fewer than two/)
  })
})

describe('segments by the sampled rows', () => {
  const table = (seed: number, rows: number, moved: string): Columns => {
    const random = createRandom(seed)
    const country = Array.from({ length: rows }, () => random.choice(['DE', 'FR', 'US']))
    return { amount: Float64Array.from(country, (one) => random.normal() + (one === moved ? 2 : 0)), country }
  }
  const plan = { tolerance: 0.1, leastRows: 200, seed: 'segments' }

  test('only the one that moved is named', () => {
    const reference = profiled(table(1, 1_800, ''))
    const found = compareSampledSegments(reference, profiled(table(2, 1_800, 'FR'), reference), 'country', ['amount', 'country'], plan)
    expect(Object.fromEntries(found.map(({ name, verdict }) => [name, verdict]))).toEqual({
      'country = DE': 'stable',
      'country = FR': 'drift',
      'country = US': 'stable',
    })
  })

  test('a column that is not there, and profiles without rows, are refused', () => {
    const reference = profiled(table(1, 300, ''))
    expect(() => compareSampledSegments(reference, reference, 'planet', ['amount'], plan)).toThrow(/no column planet/)
    expect(() => compareSampledSegments(reference, profiled(table(2, 300, ''), reference, 0), 'country', ['amount'], plan)).toThrow(
      /keeps none/,
    )
  })
})

test('a column of one value that becomes another drifts, although it has a single bin', () => {
  const of = (value: number) => ({ year: new Float64Array(500).fill(value) })
  const reference = profiled(of(0))
  const names = { reference: '', current: '' }
  const moved = compareTables({ reference, current: profiled(of(1), reference), names, createdAt: 1 })
  expect(moved.columns[0]).toMatchObject({ verdict: 'drift', severity: 'severe', effect: { value: 1 } })
  // Counted over bins of its own, as by another tool, it is no different.
  expect(compareTables({ reference, current: profiled(of(1)), names, createdAt: 1 }).verdict).toBe('drift')
  expect(compareTables({ reference, current: profiled(of(0), reference), names, createdAt: 1 }).verdict).toBe('stable')
})

test('columns of few values, whose range a larger table leaves by chance, are named in at most alpha of the reports', () => {
  const names = { reference: '', current: '' }
  let named = 0
  for (let world = 0; world < 200; world++) {
    const random = createRandom(world)
    // Some references never see the rare 5.
    const draw = (rows: number) => ({ few: Float64Array.from({ length: rows }, () => (random.bernoulli(0.004) ? 5 : random.int(3))) })
    const reference = profiled(draw(400), undefined, 0)
    const current = profiled(draw(3_000), reference, 0)
    if (compareTables({ reference, current, names, settings: { alpha: 0.1, tolerance: 0 }, createdAt: 1 }).verdict === 'drift') named++
  }
  // 20 are allowed; above 32 the true rate is over 0.1 with more than 99.5 % confidence.
  expect(named).toBeLessThanOrEqual(32)
})
