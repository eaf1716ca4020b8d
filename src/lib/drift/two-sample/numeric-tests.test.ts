import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { kolmogorovTail } from '../../stats/distributions.ts'
import { andersonDarlingTail, andersonDarlingTest } from './anderson-darling.ts'
import { cramerVonMisesTail, cramerVonMisesTest } from './cramer-von-mises.ts'
import everyPermutation from './fixtures/every-permutation.json' with { type: 'json' }
import recorded from './fixtures/numeric.json' with { type: 'json' }
import tails from './fixtures/tails.json' with { type: 'json' }
import { sampleFrom } from './fixtures/uniform-sample.ts'
import { kolmogorovSmirnovTest } from './kolmogorov-smirnov.ts'
import { mannWhitneyTest } from './mann-whitney.ts'
import { leveneTest, studentTest, welchTest } from './mean-tests.ts'
import type { TestOutcome, TestResult } from './result.ts'
import { energyTest, wassersteinTest } from './transport.ts'

function close(actual: number | null, wanted: number, relative = 1e-9) {
  expect(actual).not.toBeNull()
  expect(Math.abs(actual! - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 1e-12)
}

function resultOf(outcome: TestOutcome): TestResult {
  if ('insufficient' in outcome) throw new Error(outcome.insufficient)
  return outcome
}

describe.each(recorded)('$reference.n rows against $current.n', (row) => {
  const [reference, current] = [sampleFrom(row.reference), sampleFrom(row.current)]

  test('Kolmogorov–Smirnov agrees with SciPy [P8-02]', () => {
    const { statistic, pValue } = resultOf(kolmogorovSmirnovTest(reference, current, { mostExactPaths: 10_000_000 }))
    close(statistic, row.ks[0]!)
    // SciPy does not know of ties, and is then too careful; for large samples ours is an approximation.
    if (row.tied) expect(pValue).toBeLessThanOrEqual(row.ks[1]! * (1 + 1e-9))
    else if (row.large) close(pValue, row.ks[1]!, 0.05)
    else close(pValue, row.ks[1]!, 1e-8)
  })

  test('Cramér–von Mises, Mann–Whitney and the tests of means and spreads agree with SciPy', () => {
    const student = resultOf(studentTest(reference, current))
    close(student.statistic, row.student[0]!, 1e-9)
    close(student.pValue, row.student[1]!, 1e-8)
    close(student.effect.value, row.student[2]!)
    const welch = resultOf(welchTest(reference, current))
    close(welch.statistic, row.welch[0]!)
    close(welch.pValue, row.welch[1]!, 1e-8)
    close(welch.effect.value, row.welch[2]!)
    const levene = resultOf(leveneTest(reference, current))
    close(levene.statistic, row.levene[0]!)
    close(levene.pValue, row.levene[1]!, 1e-8)
    const mannWhitney = resultOf(mannWhitneyTest(reference, current))
    close(mannWhitney.statistic, row.mw[0]!)
    close(mannWhitney.pValue, row.mw[1]!, 1e-8)
    if (current.length < 10) return
    const cvm = resultOf(cramerVonMisesTest(reference, current))
    close(cvm.statistic, row.cvm[0]!)
    // SciPy stops summing the limit law at terms of 1e-7.
    expect(Math.abs(cvm.pValue! - row.cvm[1]!)).toBeLessThan(1e-7)
  })

  test('Anderson–Darling agrees with SciPy, which clips its p-value', () => {
    if (current.length < 10) return expect(andersonDarlingTest(reference, current)).toHaveProperty('insufficient')
    const { statistic, pValue } = resultOf(andersonDarlingTest(reference, current))
    close(statistic, row.ad[0]!)
    if (row.ad[1] === 0.25) expect(pValue).toBeGreaterThan(0.24)
    else if (row.ad[1] === 0.001) expect(pValue).toBeLessThan(0.0011)
    else close(pValue, row.ad[1]!, 0.05)
  })

  test('distances agree with SciPy', () => {
    if (current.length < 10) return expect(wassersteinTest(reference, current)).toHaveProperty('insufficient')
    const wasserstein = resultOf(wassersteinTest(reference, current, { pValueFrom: 'none' }))
    close(wasserstein.statistic, row.wasserstein)
    close(wasserstein.effect.value, row.wasserstein / row.deviation)
    close(resultOf(energyTest(reference, current, { pValueFrom: 'none' })).statistic, row.energy)
  })
})

test.each(everyPermutation)('the exact p-value under ties is that of all permutations: $p', ({ reference, current, p }) => {
  close(resultOf(kolmogorovSmirnovTest(Float64Array.from(reference), Float64Array.from(current))).pValue, p)
})

test.each(tails)('the limit law $law exceeds $x with probability $tail', ({ law, x, tail }) => {
  expect(Math.abs((law === 'ad' ? andersonDarlingTail(x) : cramerVonMisesTail(x)) - tail)).toBeLessThan(0.0012)
})

test('limit laws fall without a step where their far tail takes over, and stay between 0 and 1', () => {
  for (const tailOf of [andersonDarlingTail, cramerVonMisesTail]) {
    let before = 1
    for (let x = 0; x < 40; x += 0.01) {
      const tail = tailOf(x)
      expect(tail).toBeGreaterThanOrEqual(0)
      expect(tail).toBeLessThanOrEqual(before + 1e-13)
      before = tail
    }
  }
})

type NumericTest = (reference: Float64Array, current: Float64Array) => TestOutcome
const quick = { permutations: 99, seed: 3 }
const tests: readonly (readonly [name: string, run: NumericTest, changed: 'place' | 'spread' | 'both'])[] = [
  ['Kolmogorov–Smirnov', kolmogorovSmirnovTest, 'both'],
  ['Cramér–von Mises', cramerVonMisesTest, 'both'],
  ['Anderson–Darling', andersonDarlingTest, 'both'],
  ['Mann–Whitney', mannWhitneyTest, 'place'],
  ['Student', studentTest, 'place'],
  ['Welch', welchTest, 'place'],
  ['Levene', leveneTest, 'spread'],
  ['Wasserstein', (a, b) => wassersteinTest(a, b, quick), 'both'],
  ['Wasserstein with the p-value of Kolmogorov–Smirnov', (a, b) => wassersteinTest(a, b, { pValueFrom: 'kolmogorov_smirnov' }), 'both'],
  ['energy', (a, b) => energyTest(a, b, quick), 'both'],
]
const normals = (seed: number, n: number, mean = 0, deviation = 1) => {
  const random = createRandom(seed)
  return Float64Array.from({ length: n }, () => mean + deviation * random.normal())
}

describe.each(tests)('%s', (_, run, changed) => {
  test('p-values are uniform when nothing changed', () => {
    const pValues = Float64Array.from({ length: 500 }, (_, i) => resultOf(run(normals(2 * i, 60), normals(2 * i + 1, 50))).pValue!).sort()
    // The distance to the uniform law may not be too large; a discrete p-value is on the safe side of it.
    const farthest = pValues.reduce((worst, p, i) => Math.max(worst, (i + 1) / 500 - p), 0)
    expect(kolmogorovTail(Math.sqrt(500) * Math.max(0, farthest - 0.01))).toBeGreaterThan(0.01)
    expect(pValues.filter((p) => p > 0.5).length).toBeLessThan(325)
  })

  test('finds what it looks for', () => {
    const moved = changed === 'spread' ? normals(2, 300, 0, 1.6) : normals(2, 300, 0.6)
    const found = resultOf(run(normals(1, 300), moved))
    expect(found.pValue).toBeLessThanOrEqual(0.01)
    expect(Math.abs(found.effect.value)).toBeGreaterThan(Math.abs(resultOf(run(normals(1, 300), normals(3, 300))).effect.value))
    if (changed !== 'both') return
    // With 99 permutations 0.01 is the least there is; a wider spread is harder to see than a shift.
    expect(resultOf(run(normals(1, 900), normals(2, 900, 0, 1.6))).pValue).toBeLessThanOrEqual(0.03)
  })

  test('does not care about order, nor about shifting and stretching both samples', () => {
    const [a, b] = [normals(5, 40), normals(6, 70, 0.2)]
    const before = resultOf(run(a, b))
    expect(run(a.toReversed(), b.toReversed())).toEqual(before)
    const after = resultOf(
      run(
        a.map((x) => 4 * x + 8),
        b.map((x) => 4 * x + 8),
      ),
    )
    close(after.effect.value, before.effect.value, 1e-9)
    close(after.pValue, before.pValue!, 1e-7)
  })

  test('two equal samples show nothing', () => {
    const same = resultOf(run(normals(9, 64), normals(9, 64)))
    expect(Math.abs(same.effect.value)).toBeLessThan(1e-12)
    expect(same.pValue).toBeGreaterThan(0.99)
  })

  test('effects do not grow with the sample', () => {
    const small = resultOf(run(normals(1, 400), normals(2, 400, 0.5, 1.3))).effect.value
    const large = resultOf(run(normals(3, 6_000), normals(4, 6_000, 0.5, 1.3))).effect.value
    expect(Math.abs(small - large)).toBeLessThan(0.35 * Math.abs(large) + 0.02)
  })

  test('too few rows are said, not judged [P8-10]', () => {
    for (const n of [0, 1, 4])
      expect(run(normals(1, n), normals(2, 50))).toHaveProperty('insufficient', expect.stringContaining(`the reference has ${n}`))
    expect(run(normals(1, 50), normals(2, 1))).toHaveProperty('insufficient', expect.stringContaining('the current one has 1'))
  })

  test('what is not a finite number is refused', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => run(Float64Array.of(bad, ...normals(1, 20)), normals(2, 20))).toThrow(RangeError)
      expect(() => run(normals(1, 20), Float64Array.of(...normals(1, 20), bad))).toThrow('the current sample holds')
    }
  })

  test('constant samples give a finite answer or say why not', () => {
    const flat = new Float64Array(30).fill(2)
    for (const [a, b] of [
      [flat, flat],
      [flat, new Float64Array(30).fill(5)],
      [flat, normals(1, 30)],
      [normals(1, 30), flat],
    ] as const) {
      const outcome = run(a, b)
      if ('insufficient' in outcome) expect(outcome.insufficient).toMatch(/constant|equal/)
      else expect([outcome.statistic, outcome.effect.value, outcome.pValue].every(Number.isFinite)).toBe(true)
    }
  })
})

test('at 5 rows in the smaller sample the message names the test', () => {
  expect(andersonDarlingTest(normals(1, 50), normals(2, 4))).toEqual({
    test: 'anderson_darling',
    insufficient: 'Anderson–Darling needs 10 rows in each sample; the current one has 4',
  })
})

test('a constant that jumps is seen by the tests of distributions', () => {
  const [a, b] = [new Float64Array(30).fill(2), new Float64Array(30).fill(5)]
  for (const run of [kolmogorovSmirnovTest, cramerVonMisesTest, andersonDarlingTest, mannWhitneyTest])
    expect(resultOf(run(a, b)).pValue).toBeLessThan(1e-6)
  expect(resultOf(energyTest(a, b)).effect.value).toBe(1)
})
