import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { kolmogorovTail } from '../../stats/distributions.ts'
import { decide } from '../two-sample/choose.ts'
import { sampleFrom } from '../two-sample/fixtures/uniform-sample.ts'
import { blockFrom, type RowBlock } from '../two-sample/row-block.ts'
import { compareEmbeddings, type EmbeddingComparison } from './embedding-drift.ts'
import { centroidOf, cosineOf, distanceOf, meanPairwiseCosine, neighbourDistances, unitRows } from './embedding-geometry.ts'
import { embeddingProfileFrom, emptyEmbeddingProfile, mergeEmbeddingProfiles, sampledBlock } from './embedding-profile.ts'
import recorded from './fixtures/embeddings.json' with { type: 'json' }

const WIDTH = 24

/** Texts of a few topics as a model of `model`'s axes would embed them: topic centres, and spread that fades from axis to axis. */
function embedded({
  seed,
  rows,
  topics = [0, 1, 2],
  model = 0,
  length = 1,
}: {
  seed: number
  rows: number
  topics?: number[]
  model?: number
  length?: number
}): RowBlock {
  const random = createRandom(seed)
  const axes = orthogonal(model)
  const centres = topics.map((topic) => {
    const own = createRandom(`topic ${topic}`)
    return Array.from({ length: WIDTH }, (_, d) => (d === 0 ? 3 : (2.2 * own.normal()) / (1 + d / 3)))
  })
  return blockFrom(
    Array.from({ length: rows }, (_, row) => {
      const centre = centres[row % centres.length]!
      const raw = centre.map((value, d) => value + random.normal() / (1 + d / 2))
      const turned = axes.map((axis) => axis.reduce((sum, value, d) => sum + value * raw[d]!, 0))
      const norm = Math.hypot(...turned)
      return turned.map((value) => (length * value) / norm)
    }),
  )
}

/** Orthonormal axes by Gram and Schmidt from seeded draws; those of model 0 are the plain ones. */
function orthogonal(model: number): number[][] {
  const random = createRandom(`model ${model}`)
  const axes: number[][] = []
  for (let i = 0; i < WIDTH; i++) {
    let axis = Array.from({ length: WIDTH }, (_, d) => (model === 0 ? Number(d === i) : random.normal()))
    for (const before of axes) {
      const along = axis.reduce((sum, value, d) => sum + value * before[d]!, 0)
      axis = axis.map((value, d) => value - along * before[d]!)
    }
    const norm = Math.hypot(...axis)
    axes.push(axis.map((value) => value / norm))
  }
  return axes
}

function measuresOf(comparison: EmbeddingComparison) {
  if (comparison.kind !== 'compared') throw new Error(comparison.reason)
  return comparison.measures
}

test.each(recorded)('centroids, mean pairwise cosine and neighbours agree with NumPy and scikit-learn [P8-03]', (row) => {
  const block = (spec: typeof row.reference): RowBlock => ({ values: sampleFrom(spec), rows: spec.n / row.width, width: row.width })
  const [a, b] = [block(row.reference), block(row.current)]
  expect(cosineOf(centroidOf(a), centroidOf(b))).toBeCloseTo(row.cosine, 12)
  expect(distanceOf(centroidOf(a), centroidOf(b))).toBeCloseTo(row.distance, 12)
  const all = (rows: number) => Uint32Array.from({ length: rows }, (_, row) => row)
  expect(meanPairwiseCosine(unitRows(a), all(a.rows))).toBeCloseTo(row.pairwise[0]!, 12)
  // A row drawn again makes no pair with itself.
  expect(meanPairwiseCosine(unitRows(a), Uint32Array.of(...all(a.rows), ...all(a.rows)))).toBeCloseTo(row.pairwise[0]!, 12)
  expect(meanPairwiseCosine(unitRows(b), all(b.rows))).toBeCloseTo(row.pairwise[1]!, 12)
  row.fifth.forEach((distance, i) => {
    expect(neighbourDistances(b, a, 5)[i]!).toBeCloseTo(distance, 12)
  })
})

describe('comparison', () => {
  const reference = embedded({ seed: 1, rows: 300 })

  test('the same texts from the same model show nothing', () => {
    const outcomes = measuresOf(compareEmbeddings(reference, embedded({ seed: 2, rows: 200 }))).map(({ outcome }) => ({
      name: outcome.test,
      outcome,
    }))
    expect(outcomes.map(({ name }) => name)).toEqual([
      'centroid_cosine',
      'centroid_distance',
      'pairwise_cosine',
      'neighbour_distance',
      'mmd',
      'cluster_angles',
      'cluster_shares',
      'component_projections',
    ])
    expect(decide(outcomes, { alpha: 0.02 }).verdict).toBe('stable')
  })

  test('a new topic is drift, all rows or some of them, and beyond what chance and folklore allow', () => {
    for (const topics of [
      [0, 1, 2, 7, 8],
      [7, 8, 9],
    ]) {
      const comparison = compareEmbeddings(reference, embedded({ seed: 3, rows: 200, topics }))
      const measures = measuresOf(comparison)
      expect(
        decide(
          measures.map(({ outcome }) => ({ name: outcome.test, outcome })),
          { alpha: 0.05 },
        ).verdict,
      ).toBe('drift')
      const cosine = measures[0]!
      expect(cosine.outcome).toMatchObject({ pValue: 0.005 })
      expect('effect' in cosine.outcome && cosine.outcome.effect.value > cosine.threshold!).toBe(true)
    }
    const far = measuresOf(compareEmbeddings(reference, embedded({ seed: 3, rows: 200, topics: [7] })))
    expect(far[0]!.folklore!.label).toBe('critical')
  })

  test('another model asks for a new baseline and is not drift [P8-04]', () => {
    for (let seed = 10; seed < 20; seed++) {
      const turned = compareEmbeddings(reference, embedded({ seed, rows: 200, model: seed }))
      expect(turned).toEqual({ kind: 'new_baseline_required', reason: expect.stringContaining('the axes are others') })
      const longer = compareEmbeddings(reference, embedded({ seed, rows: 200, length: 7 }))
      expect(longer).toEqual({ kind: 'new_baseline_required', reason: expect.stringContaining('normalised differently') })
      const both = compareEmbeddings(reference, embedded({ seed, rows: 200, model: seed, length: 7 }))
      expect(both.kind).toBe('new_baseline_required')
    }
    expect(compareEmbeddings(reference, blockFrom(Array.from({ length: 30 }, () => [1, 2])))).toEqual({
      kind: 'new_baseline_required',
      reason: "vectors have 2 dimensions, the reference's 24",
    })
  })

  test('no new topic is taken for another model', () => {
    for (let topic = 20; topic < 50; topic += 3) {
      const comparison = compareEmbeddings(reference, embedded({ seed: topic, rows: 150, topics: [topic, topic + 1, topic + 2] }), {
        rounds: 19,
      })
      expect(comparison.kind).toBe('compared')
    }
  })

  test('p-values are near uniform when nothing changed', () => {
    const runs = Array.from({ length: 120 }, (_, i) =>
      measuresOf(
        compareEmbeddings(embedded({ seed: 1000 + 2 * i, rows: 90 }), embedded({ seed: 1001 + 2 * i, rows: 60 }), { rounds: 39, seed: i }),
      ),
    )
    runs[0]!.forEach((_, measure) => {
      const pValues = runs.map((measures) => (measures[measure]!.outcome as { pValue: number }).pValue).sort((a, b) => a - b)
      // What matters: no more small ones than there may be. Rows here are dealt evenly to the topics, which makes large ones likelier.
      const above = pValues.reduce((worst, p, i) => Math.max(worst, (i + 1) / runs.length - p), 0)
      expect(kolmogorovTail(Math.sqrt(runs.length) * Math.max(0, above - 0.025))).toBeGreaterThan(0.01)
    })
  })

  test('too few rows are said, not judged; nonsense is refused [P8-10]', () => {
    expect(compareEmbeddings(reference, embedded({ seed: 1, rows: 5 }))).toMatchObject({
      kind: 'insufficient_data',
      reason: expect.stringContaining('one has 5'),
    })
    expect(() => compareEmbeddings(reference, reference, { mostRows: 5 })).toThrow(RangeError)
    const bad = embedded({ seed: 1, rows: 30 })
    bad.values[3] = Number.NaN
    expect(() => compareEmbeddings(reference, bad)).toThrow('NaN in row 0')
    const flat = { values: new Float64Array(40 * WIDTH).fill(1), rows: 40, width: WIDTH }
    const same = measuresOf(compareEmbeddings(flat, flat))
    expect(same.every(({ outcome }) => 'insufficient' in outcome || outcome.pValue! > 0.9)).toBe(true)
  })
})

describe('profile', () => {
  const block = embedded({ seed: 5, rows: 120 })
  const rows = Array.from({ length: 120 }, (_, row) => block.values.slice(row * WIDTH, (row + 1) * WIDTH))
  const keys = rows.map((_, row) => `request ${row}`)
  const options = { width: WIDTH, sampleRows: 30 }
  const whole = embeddingProfileFrom(keys, rows, options)

  test.each(['packed', 'diagonal'] as const)('merging parts is profiling the whole, in any order: %s', (covariance) => {
    const all = embeddingProfileFrom(keys, rows, { ...options, covariance })
    const parts = [
      [0, 50],
      [50, 51],
      [51, 120],
    ].map(([from, to]) => embeddingProfileFrom(keys.slice(from, to), rows.slice(from, to), { ...options, covariance }))
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const merged = order.reduce((sum, i) => mergeEmbeddingProfiles(sum, parts[i]!), emptyEmbeddingProfile({ ...options, covariance }))
      expect(merged.rows).toBe(120)
      expect(merged.sample).toEqual(all.sample)
      merged.mean.forEach((value, d) => {
        expect(value).toBeCloseTo(all.mean[d]!, 12)
      })
      merged.comoments.forEach((value, cell) => {
        expect(value).toBeCloseTo(all.comoments[cell]!, 10)
      })
      expect(merged.norms.mean).toBeCloseTo(all.norms.mean, 12)
      expect(merged.norms.squares).toBeCloseTo(all.norms.squares, 10)
    }
  })

  test('goes to JSON and back, and is what it says', () => {
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole)
    expect(whole.comoments).toHaveLength((WIDTH * (WIDTH + 1)) / 2)
    expect(sampledBlock(whole)).toMatchObject({ rows: 30, width: WIDTH })
    expect(sampledBlock(emptyEmbeddingProfile(options))).toBeUndefined()
    const second = rows.reduce((sum, row) => sum + (row[1]! - whole.mean[1]!) ** 2, 0)
    expect(whole.comoments[2]).toBeCloseTo(second, 12)
    expect(emptyEmbeddingProfile({ width: 768 }).covariance).toBe('diagonal')
  })

  test('the sample is the same whoever saw a row, and a row seen twice is in it once', () => {
    const again = mergeEmbeddingProfiles(whole, whole)
    expect(again.sample).toEqual(whole.sample)
    expect(again.rows).toBe(240)
    const drawn = new Array<number>(20).fill(0)
    for (let run = 0; run < 500; run++) {
      const own = Array.from({ length: 20 }, (_, row) => `${run}-${row}`)
      for (const { key } of embeddingProfileFrom(own, rows.slice(0, 20), { width: WIDTH, sampleRows: 5 }).sample)
        drawn[Number(key.split('-')[1])]!++
    }
    for (const count of drawn) expect(Math.abs(count - 125)).toBeLessThan(45)
  })

  test('what does not match is refused', () => {
    expect(() => embeddingProfileFrom(['a'], [], options)).toThrow(RangeError)
    expect(() => embeddingProfileFrom(['a'], [[1, 2]], options)).toThrow('row a has 2 dimensions, not 24')
    expect(() => embeddingProfileFrom(['a'], [[Number.NaN]], { width: 1 })).toThrow('row a holds NaN')
    expect(() => emptyEmbeddingProfile({ width: 0 })).toThrow(RangeError)
    expect(() => mergeEmbeddingProfiles(whole, emptyEmbeddingProfile({ width: 3 }))).toThrow('merge only when alike')
  })
})
