import { fisherTail, studentTwoSided } from '../../stats/distributions.ts'
import { type Insufficient, type TestName, type TestOutcome, tooFew } from './result.ts'
import { meanAndVariance, medianOfSorted, sortedSample } from './samples.ts'

const LEAST_ROWS = 5

/**
 * Student's t test (1908) that both means are equal, the variances being equal; the statistic is positive when the current mean
 * is the larger. The effect is Hedges' g (1981): the difference in pooled deviations, with his correction for small samples.
 * Throws RangeError on NaN and infinity.
 */
export function studentTest(reference: Float64Array, current: Float64Array): TestOutcome {
  const prepared = momentsOf('t_test', 'Student’s t', reference, current)
  if ('insufficient' in prepared) return prepared
  const { n, m, first, second } = prepared
  const freedom = n + m - 2
  const pooled = ((n - 1) * first.variance + (m - 1) * second.variance) / freedom
  const difference = second.mean - first.mean
  const statistic = difference / Math.sqrt(pooled * (1 / n + 1 / m))
  return {
    test: 't_test',
    statistic,
    effect: { name: 'Hedges’ g', value: (difference / Math.sqrt(pooled)) * (1 - 3 / (4 * freedom - 1)) },
    pValue: studentTwoSided(statistic, freedom),
    referenceRows: n,
    currentRows: m,
  }
}

/**
 * Welch's t test (1947), which does not need equal variances; otherwise as `studentTest`. The effect is Cohen's d with the mean
 * of both variances.
 */
export function welchTest(reference: Float64Array, current: Float64Array): TestOutcome {
  const prepared = momentsOf('welch', 'Welch’s t', reference, current)
  if ('insufficient' in prepared) return prepared
  const { n, m, first, second } = prepared
  const [a, b] = [first.variance / n, second.variance / m]
  const freedom = (a + b) ** 2 / (a ** 2 / (n - 1) + b ** 2 / (m - 1))
  const difference = second.mean - first.mean
  const statistic = difference / Math.sqrt(a + b)
  return {
    test: 'welch',
    statistic,
    effect: { name: 'Cohen’s d', value: difference / Math.sqrt((first.variance + second.variance) / 2) },
    pValue: studentTwoSided(statistic, freedom),
    referenceRows: n,
    currentRows: m,
  }
}

/**
 * Levene's test that both spreads are equal, in Brown & Forsythe's form (1974): distances from the median. The effect is the
 * logarithm of the ratio of the mean distances, current over reference. Throws RangeError on NaN and infinity.
 */
export function leveneTest(reference: Float64Array, current: Float64Array): TestOutcome {
  const first = sortedSample(reference, 'reference')
  const second = sortedSample(current, 'current')
  const [n, m] = [first.length, second.length]
  const short = tooFew('levene', 'Levene’s test', LEAST_ROWS, n, m)
  if (short) return short
  const [a, b] = [first, second].map((sorted) => {
    const median = medianOfSorted(sorted)
    return meanAndVariance(sorted.map((value) => Math.abs(value - median)))
  }) as [Moments, Moments]
  if (a.mean === 0 || b.mean === 0) {
    const side = a.mean === 0 ? 'reference' : 'current sample'
    return { test: 'levene', insufficient: `Levene’s test needs some spread in each sample; the ${side} is constant` }
  }
  const within = (n - 1) * a.variance + (m - 1) * b.variance
  if (within === 0)
    return { test: 'levene', insufficient: 'Levene’s test needs distances from the median that vary; in each sample all are equal' }
  const between = ((n * m) / (n + m)) * (a.mean - b.mean) ** 2
  const statistic = (between * (n + m - 2)) / within
  return {
    test: 'levene',
    statistic,
    effect: { name: 'log ratio of spreads', value: Math.log(b.mean / a.mean) },
    pValue: fisherTail(statistic, 1, n + m - 2),
    referenceRows: n,
    currentRows: m,
  }
}

type Moments = { readonly mean: number; readonly variance: number }

function momentsOf(
  test: TestName,
  title: string,
  reference: Float64Array,
  current: Float64Array,
): Insufficient | { readonly n: number; readonly m: number; readonly first: Moments; readonly second: Moments } {
  const sorted = [sortedSample(reference, 'reference'), sortedSample(current, 'current')] as const
  const [n, m] = [reference.length, current.length]
  const short = tooFew(test, title, LEAST_ROWS, n, m)
  if (short) return short
  const [first, second] = [meanAndVariance(sorted[0]), meanAndVariance(sorted[1])]
  const constant = sorted.every((values) => values[0] === values.at(-1))
  if (constant || first.variance + second.variance === 0)
    return { test, insufficient: `${title} needs some spread; both samples are constant, at ${first.mean} and ${second.mean}` }
  return { n, m, first, second }
}
