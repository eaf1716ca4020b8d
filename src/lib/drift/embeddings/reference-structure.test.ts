import { describe, expect, test } from 'vitest'
import { createRandom, type Random } from '../../random.ts'
import { sampleFrom } from '../two-sample/fixtures/uniform-sample.ts'
import type { TestResult } from '../two-sample/result.ts'
import { blockFrom, type RowBlock, rowsAt } from '../two-sample/row-block.ts'
import recorded from './fixtures/structure.json' with { type: 'json' }
import { initialCentres, kMeansFrom, nearestCentres } from './k-means.ts'
import { principalAxesOf, projectionsOf } from './principal-axes.ts'
import { structureTests } from './reference-structure.ts'

function recordedRows({ noise, width, clusters }: (typeof recorded)[number]): RowBlock {
  const values = sampleFrom(noise).map((value, i) => {
    const row = Math.floor(i / width)
    return value + (i % width === row % clusters ? 1 + 0.7 * (row % clusters) : 0)
  })
  return { values, rows: noise.n / width, width }
}

test.each(recorded)('clusters from the same centres, and components, are those of scikit-learn [P8-03]', (row) => {
  const block = recordedRows(row)
  const { centres, labels } = kMeansFrom(block, rowsAt(block, row.initial))
  expect(Array.from(labels)).toEqual(row.labels)
  row.centres.flat().forEach((value, i) => {
    expect(centres.values[i]!).toBeCloseTo(value, 10)
  })
  expect(Array.from(nearestCentres(block, centres))).toEqual(row.labels)
  const axes = principalAxesOf(block, 3)
  expect(axes.explained).toBeCloseTo(row.explained, 10)
  row.axes.forEach((axis, i) => {
    expect(axes.variances[i]!).toBeCloseTo(row.variances[i]!, 10)
    const sign = Math.sign(axis.reduce((sum, value, d) => sum + value * axes.axes[i]![d]!, 0))
    axis.forEach((value, d) => {
      expect(sign * axes.axes[i]![d]!).toBeCloseTo(value, 9)
    })
    const along = projectionsOf(block, axes, i)
    row.projected.forEach((projected, n) => {
      expect(sign * along[n]!).toBeCloseTo(projected[i]!, 9)
    })
  })
})

test('first centres are different rows, far ones sooner, and no more than there are', () => {
  const far = blockFrom([...Array.from({ length: 50 }, (_, i) => [i / 1_000, 0]), [100, 0], [0, 100]])
  for (let seed = 0; seed < 20; seed++) {
    const chosen = initialCentres(far, 3, createRandom(seed)).values
    const lasting = Math.max(...chosen.filter((_, i) => i % 2 === 0))
    expect([lasting, Math.max(...chosen.filter((_, i) => i % 2 === 1))]).toEqual([100, 100])
  }
  expect(initialCentres(blockFrom([[1], [1], [2], [2]]), 4, createRandom(1)).rows).toBe(2)
  expect(() => initialCentres({ values: new Float64Array(), rows: 0, width: 2 }, 1, createRandom(1))).toThrow(RangeError)
  expect(() => principalAxesOf(blockFrom([[1, 2]]), 1)).toThrow(RangeError)
})

const WIDTH = 12

/** Rows of four topics by chance; `shares` says how often, `turn` turns the first topic, in radians, `spread` widens one axis. */
function topicRows(random: Random, rows: number, { shares = [0.25, 0.25, 0.25, 0.25], turn = 0, spread = 1 } = {}): RowBlock {
  const make = () => {
    let left = random.next()
    const topic = Math.max(
      0,
      shares.findIndex((share) => {
        left -= share
        return left < 0
      }),
    )
    const row = Array.from({ length: WIDTH }, (_, d) => 0.4 * random.normal() * (d === WIDTH - 1 ? 3 * spread : 1))
    row[topic]! += 3 * (topic === 0 ? Math.cos(turn) : 1)
    if (topic === 0) row[5]! += 3 * Math.sin(turn)
    return row
  }
  return blockFrom(Array.from({ length: rows }, make))
}

/** The p-values of one comparison; NaN where there was none. */
function pValuesOf(first: RowBlock, second: RowBlock, seed: number, rounds = 99): number[] {
  return structureTests(first, second, { rounds, random: createRandom(seed) }).map((outcome) =>
    'insufficient' in outcome ? Number.NaN : outcome.pValue!,
  )
}

describe('structure of a reference', () => {
  test('200 comparisons in which nothing changed keep the level of every test', () => {
    const runs = Array.from({ length: 200 }, (_, i) => {
      const random = createRandom(`null ${i}`)
      return pValuesOf(topicRows(random, 120), topicRows(random, 60 + (i % 3) * 40), i)
    })
    for (const which of [0, 1, 2]) {
      const own = runs.map((pValues) => pValues[which]!)
      expect(own.every((p) => p > 0 && p <= 1)).toBe(true)
      // With the level kept, more than 20 of 200 below 0.05 have a probability of 0.001; more than 8 below 0.01 of 0.0002.
      expect(own.filter((p) => p <= 0.05).length).toBeLessThanOrEqual(20)
      expect(own.filter((p) => p <= 0.01).length).toBeLessThanOrEqual(8)
    }
    // And the permutations are no more careful than they need be.
    expect(runs.filter(([angle]) => angle! <= 0.5).length).toBeGreaterThan(75)
  })

  test('each sees its own: a topic that turned, topics that became commoner, an axis along which rows spread', () => {
    const reference = topicRows(createRandom('reference'), 400)
    const told = (change: object) => pValuesOf(reference, topicRows(createRandom('current'), 300, change), 1, 199)
    const [turned] = told({ turn: 0.4 })
    expect(turned).toBeLessThanOrEqual(0.01)
    const [angles, shares] = told({ shares: [0.55, 0.15, 0.15, 0.15] })
    expect(shares).toBeLessThan(1e-6)
    expect(angles).toBeGreaterThan(0.05)
    const [, , along] = told({ spread: 2.5 })
    expect(along).toBeLessThan(1e-3)
  })

  test('effects are angles, Cramér’s V and a distance of distribution functions, with what changed most', () => {
    const reference = topicRows(createRandom('reference'), 400)
    const [angles, shares, along] = structureTests(reference, topicRows(createRandom('current'), 300, { turn: 0.4 }), {
      rounds: 99,
      random: createRandom(1),
    })
    expect(angles).toMatchObject({
      test: 'cluster_angles',
      referenceRows: 400,
      currentRows: 300,
      note: expect.stringMatching(/clusters, of which one turned by 2\d°/),
    })
    // A quarter of the rows turned by 0.4: a root mean square of 0.2.
    expect(Math.abs((angles as TestResult).effect.value - 0.2)).toBeLessThan(0.04)
    expect((angles as TestResult).statistic).toBeGreaterThan((angles as TestResult).effect.value ** 2)
    expect(shares).toMatchObject({ test: 'cluster_shares', note: expect.stringMatching(/one went from \d+ % of rows to \d+ %/) })
    expect(along).toMatchObject({ test: 'component_projections', note: expect.stringMatching(/component \d of 5, which hold \d+ %/) })
  })

  test('rows that are all alike, and too few of them, are said', () => {
    const flat = { values: new Float64Array(40 * WIDTH).fill(1), rows: 40, width: WIDTH }
    expect(structureTests(flat, flat, { rounds: 19, random: createRandom(1) })).toMatchObject([
      { effect: { value: 0 }, pValue: 1 },
      { effect: { value: 0 }, pValue: 1 },
      { insufficient: expect.stringMatching(/vectors that differ/) },
    ])
    const few = topicRows(createRandom(1), 10)
    for (const outcome of structureTests(few, flat, { rounds: 19, random: createRandom(1) }))
      expect(outcome).toMatchObject({ insufficient: expect.stringMatching(/needs 20 rows in each sample; the reference has 10/) })
  })
})
