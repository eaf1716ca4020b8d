import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { kolmogorovTail } from '../../stats/distributions.ts'
import { areaOf, domainClassifierTest } from './domain-classifier.ts'
import areas from './fixtures/areas.json' with { type: 'json' }
import eigen from './fixtures/eigen.json' with { type: 'json' }
import recorded from './fixtures/multivariate.json' with { type: 'json' }
import { type SampleSpec, sampleFrom } from './fixtures/uniform-sample.ts'
import { energyRowsTest, mmdTest } from './pairwise.ts'
import { chunkLimitsOf, pcaReconstructionTest, pcaReferenceFrom, reconstructionErrors } from './pca-reconstruction.ts'
import type { TestOutcome, TestResult } from './result.ts'
import { blockFrom, type RowBlock } from './row-block.ts'
import { symmetricEigen } from './symmetric-eigen.ts'

function close(actual: number, wanted: number, relative = 1e-9) {
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 1e-12)
}

function resultOf<T extends TestResult>(outcome: T | Exclude<TestOutcome, TestResult>): T {
  if ('insufficient' in outcome) throw new Error(outcome.insufficient)
  return outcome
}

/** Rows as record.py makes them: each feature but the first takes half of the one before. */
function chained(spec: SampleSpec, width: number): RowBlock {
  const values = sampleFrom(spec)
  for (let i = 0; i < values.length; i++) if (i % width > 0) values[i] = 0.5 * values[i]! + 0.5 * values[i - 1]!
  return { values, rows: values.length / width, width }
}

describe.each(recorded)('$reference.n values in rows of $width', (row) => {
  const [reference, current] = [chained(row.reference, row.width), chained(row.current, row.width)]

  test('MMD² and the energy distance agree with scikit-learn’s kernel and SciPy’s distances', () => {
    const options = { standardise: false, permutations: 19 }
    close(resultOf(mmdTest(reference, current, options)).statistic, row.mmd, 1e-8)
    close(resultOf(mmdTest(reference, current, { ...options, bandwidth: row.bandwidth })).statistic, row.mmd, 1e-8)
    close(resultOf(energyRowsTest(reference, current, options)).statistic, row.energy, 1e-8)
  })

  test('principal components and their errors agree with scikit-learn', () => {
    const pca = pcaReferenceFrom(reference)
    expect(pca.components).toHaveLength(row.components)
    close(pca.explained, row.explained)
    const errors = reconstructionErrors(JSON.parse(JSON.stringify(pca)), current)
    row.errors.forEach((error, i) => {
      close(errors[i]!, error)
    })
    close(errors.reduce((sum, error) => sum + error, 0) / errors.length, row.meanError)
    const limits = chunkLimitsOf(reconstructionErrors(pca, reference), 5)
    close(limits.low, row.limits[0]!)
    close(limits.high, row.limits[1]!)
  })
})

test.each(areas)('the area $auc and its variance are those of all pairs', ({ reference, current, auc, variance }) => {
  const area = areaOf(sampleFrom(reference), sampleFrom(current))
  close(area.auc, auc)
  close(area.variance, variance)
})

test.each(eigen)('eigenvalues $values agree with NumPy, and the vectors are theirs', ({ matrix, values }) => {
  const size = matrix.length
  const found = symmetricEigen(Float64Array.from(matrix.flat()), size)
  values.forEach((value, k) => {
    expect(Math.abs(found.values[k]! - value)).toBeLessThan(1e-13 * values[0]!)
    const vector = found.vectors[k]!
    matrix.forEach((line, i) => {
      const image = line.reduce((sum, cell, j) => sum + cell * vector[j]!, 0)
      expect(Math.abs(image - found.values[k]! * vector[i]!)).toBeLessThan(1e-13 * values[0]!)
    })
  })
})

test('a matrix that is no square is refused, one of zeros is its own answer', () => {
  expect(() => symmetricEigen(new Float64Array(5), 2)).toThrow(RangeError)
  expect(symmetricEigen(new Float64Array(9), 3).values).toEqual([0, 0, 0])
})

type World = (seed: number, rows: number) => RowBlock
const world =
  (correlation: number, mean = 0, width = 4): World =>
  (seed, rows) => {
    const random = createRandom(seed)
    const make = () => {
      const row = Array.from({ length: width }, () => random.normal())
      // The first two hang together; what each looks like alone stays as it was.
      row[1] = correlation * row[0]! + Math.sqrt(1 - correlation ** 2) * row[1]!
      row[2]! += mean
      return row
    }
    return blockFrom(Array.from({ length: rows }, make))
  }
const [calm, related, moved] = [world(0.8), world(-0.8), world(0.8, 1)]

type RowsTest = (reference: RowBlock, current: RowBlock) => TestOutcome
const tests: readonly (readonly [name: string, run: RowsTest, seesPlace: boolean])[] = [
  ['MMD', (a, b) => mmdTest(a, b, { permutations: 99, mostRows: 200 }), true],
  ['energy', (a, b) => energyRowsTest(a, b, { permutations: 99, mostRows: 200 }), true],
  ['domain classifier', (a, b) => domainClassifierTest(a, b, { trees: 15 }), true],
  ['PCA reconstruction', pcaReconstructionTest, false],
]

describe.each(tests)('%s', (name, run, seesPlace) => {
  test('p-values are uniform when nothing changed', () => {
    // The permutations make these slow; 200 of them find a distance of 0.1.
    const count = name === 'PCA reconstruction' ? 500 : 200
    const pValues = Array.from({ length: count }, (_, i) => resultOf(run(calm(2 * i, 60), calm(2 * i + 1, 50))).pValue!)
    pValues.sort((a, b) => a - b)
    const farthest = pValues.reduce((worst, p, i) => Math.max(worst, Math.abs((i + 1) / count - p)), 0)
    expect(kolmogorovTail(Math.sqrt(count) * Math.max(0, farthest - 0.01))).toBeGreaterThan(0.01)
  })

  test('finds a changed correlation between features that look as before', () => {
    const found = resultOf(run(calm(1, 400), related(2, 400)))
    expect(found.pValue).toBeLessThanOrEqual(0.01)
    expect(Math.abs(found.effect.value)).toBeGreaterThan(1.5 * Math.abs(resultOf(run(calm(1, 400), calm(3, 400))).effect.value))
  })

  test('finds a moved feature, if that is what it looks for', () => {
    if (seesPlace) expect(resultOf(run(calm(1, 300), moved(2, 300))).pValue).toBeLessThanOrEqual(0.01)
    else expect(run(calm(1, 300), moved(2, 300))).not.toHaveProperty('insufficient')
  })

  test('the same seed gives the same answer, in whatever units', () => {
    const [a, b] = [calm(1, 80), moved(2, 70)]
    const before = resultOf(run(a, b))
    expect(run(a, b)).toEqual(before)
    const stretch = ({ values, ...rest }: RowBlock) => ({ ...rest, values: values.map((value, i) => (i % 4 === 1 ? 1024 * value : value)) })
    expect(resultOf(run(stretch(a), stretch(b))).pValue).toBeCloseTo(before.pValue!, 6)
  })

  test('too few rows are said, not judged [P8-10]', () => {
    expect(run(calm(1, 5), calm(2, 200))).toHaveProperty('insufficient', expect.stringContaining('the reference has 5'))
    expect(run({ values: new Float64Array(0), rows: 0, width: 4 }, calm(2, 200))).toHaveProperty('insufficient')
  })

  test('constant rows give a finite answer or say why not', () => {
    const flat = { values: new Float64Array(400).fill(3), rows: 100, width: 4 }
    for (const [a, b] of [
      [flat, flat],
      [calm(1, 100), flat],
      [flat, calm(1, 100)],
    ] as const) {
      const outcome = run(a, b)
      if (!('insufficient' in outcome)) expect([outcome.statistic, outcome.effect.value, outcome.pValue].every(Number.isFinite)).toBe(true)
    }
  })

  test('blocks that do not match, and what is not a finite number, are refused', () => {
    expect(() => run(calm(1, 100), world(0, 0, 5)(2, 100))).toThrow('5 features do not match 4')
    const bad = calm(1, 100)
    bad.values[41] = Number.NaN
    expect(() => run(bad, calm(2, 100))).toThrow('NaN in row 10')
    expect(() => run({ ...calm(1, 100), rows: 99 }, calm(2, 100))).toThrow(RangeError)
  })
})

test('the domain classifier names the features that give the current rows away, and how sure its area is', () => {
  const names = ['a', 'b', 'c', 'd']
  const shifted = resultOf(domainClassifierTest(calm(1, 500), moved(2, 500), { names }))
  expect(shifted.importances[0]).toEqual({ feature: 'c', loss: expect.any(Number) })
  expect(shifted.importances[0]!.loss).toBeGreaterThan(0.1)
  // Φ(1/√2) would be the best there is for a shift of one deviation.
  expect(shifted.auc.value).toBeGreaterThan(0.7)
  expect(shifted.auc.low).toBeLessThan(0.7602)
  expect(shifted.auc.high).toBeGreaterThan(shifted.auc.value)
  const twisted = resultOf(domainClassifierTest(calm(1, 500), related(2, 500), { names }))
  expect(
    twisted.importances
      .slice(0, 2)
      .map(({ feature }) => feature)
      .sort(),
  ).toEqual(['a', 'b'])
  expect(() => domainClassifierTest(calm(1, 50), calm(2, 50), { names: ['a'] })).toThrow(RangeError)
})

test('the interval of the area holds chance as often as it says when nothing changed', () => {
  let held = 0
  for (let i = 0; i < 100; i++) {
    const { auc } = resultOf(domainClassifierTest(calm(2 * i, 100), calm(2 * i + 1, 100), { trees: 10, confidence: 0.9 }))
    if (auc.low <= 0.5 && auc.high >= 0.5) held++
  }
  expect(held).toBeGreaterThanOrEqual(80)
})

test('more rows than the limit are sampled, and it is said', () => {
  const options = { mostRows: 50, permutations: 19 }
  expect(resultOf(mmdTest(calm(1, 200), calm(2, 60), options)).note).toBe('p-value from 19 permutations of 50 and 50 sampled rows')
  expect(resultOf(domainClassifierTest(calm(1, 200), calm(2, 60), { mostRows: 50 })).note).toBe('learnt from 50 and 50 sampled rows')
  expect(() => mmdTest(calm(1, 20), calm(2, 20), { mostRows: 5 })).toThrow(RangeError)
})

test('principal components refuse what makes no sense', () => {
  expect(() => pcaReferenceFrom(calm(1, 1))).toThrow(RangeError)
  expect(() => pcaReferenceFrom(calm(1, 10), { explained: 1 })).toThrow(RangeError)
  expect(() => reconstructionErrors(pcaReferenceFrom(calm(1, 10)), world(0, 0, 3)(1, 10))).toThrow('3 features do not match 4')
  expect(() => chunkLimitsOf(new Float64Array(9), 5)).toThrow('at least two chunks')
})

test('blocks are made of rows of one width', () => {
  expect(() => blockFrom([])).toThrow(RangeError)
  expect(() => blockFrom([[1, 2], [1]])).toThrow('row 1 has 1 values, the first has 2')
})
