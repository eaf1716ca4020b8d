import { chiSquaredTail } from '../../stats/distributions.ts'
import { type TestOutcome, tooFew } from './result.ts'
import { eachLevel, sortedSample } from './samples.ts'

const LEAST_ROWS = 10

/**
 * The Anderson–Darling test of two samples (Scholz & Stephens 1987, eq. 7, mid-ranks for ties); the statistic is A² less its
 * mean, over its deviation (their T). With k = 2 the limit law of A² is that of the one-sample statistic, which is summed
 * rather than interpolated from their table, so that the p-value is not clipped at its ends. The effect is the root of the
 * weighted mean squared distance between the distribution functions, less what chance adds to it. Throws RangeError on NaN
 * and infinity.
 */
export function andersonDarlingTest(reference: Float64Array, current: Float64Array): TestOutcome {
  const first = sortedSample(reference, 'reference')
  const second = sortedSample(current, 'current')
  const [n, m] = [first.length, second.length]
  const short = tooFew('anderson_darling', 'Anderson–Darling', LEAST_ROWS, n, m)
  if (short) return short
  const all = n + m
  let square = 0
  let levels = 0
  eachLevel(first, second, ({ reference, current, referenceBelow, currentBelow }) => {
    const tied = reference + current
    const rank = referenceBelow + currentBelow + tied / 2
    const weight = rank * (all - rank) - (all * tied) / 4
    const ahead = all * (referenceBelow + reference / 2) - n * rank
    levels++
    // Both samples' terms: what the reference has above its part, the current one has below.
    if (weight > 0) square += (tied / all) * (ahead * ahead * (1 / n + 1 / m)) * (1 / weight)
  })
  square *= (all - 1) / all
  const rows = { referenceRows: n, currentRows: m }
  const name = 'weighted distance of the distribution functions'
  if (levels === 1) return { test: 'anderson_darling', statistic: 0, effect: { name, value: 0 }, pValue: 1, ...rows }
  const standard = (square - 1) / Math.sqrt(varianceOf(n, m))
  return {
    test: 'anderson_darling',
    statistic: standard,
    effect: { name, value: Math.sqrt((Math.max(0, square - 1) * all) / (n * m)) },
    pValue: andersonDarlingTail(1 + standard * LIMIT_DEVIATION),
    ...rows,
  }
}

/** The deviation of the limit law: 2(π² − 9)/3 is its variance. */
const LIMIT_DEVIATION = Math.sqrt((2 * (Math.PI ** 2 - 9)) / 3)

/** The variance of A² for two samples without ties (Scholz & Stephens 1987, eq. 4). */
function varianceOf(n: number, m: number): number {
  const all = n + m
  const k = 2
  const H = 1 / n + 1 / m
  let h = 0
  let g = 0
  for (let i = 1; i <= all - 2; i++) {
    h += 1 / (all - i)
    g += h / (i + 1)
  }
  h += 1
  const a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * H
  const b = (2 * g - 4) * k ** 2 + 8 * h * k + (2 * g - 14 * h - 4) * H - 8 * h + 4 * g - 6
  const c = (6 * h + 2 * g - 2) * k ** 2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * H + 4 * h
  const d = (2 * h + 6) * k ** 2 - 4 * h * k
  return (a * all ** 3 + b * all ** 2 + c * all + d) / ((all - 1) * (all - 2) * (all - 3))
}

/**
 * The probability that the limit law of A² exceeds x: Anderson & Darling (1954, p. 766), and far out, where that loses its
 * digits, Zolotarev's tail (1961) of Σ Z²/(j(j + 1)), √3·P(χ²₁ > 2x).
 */
export function andersonDarlingTail(x: number): number {
  if (x <= 0.01) return 1
  const far = Math.sqrt(3) * chiSquaredTail(2 * x, 1)
  if (far < 1e-9) return far
  let below = 0
  let binomial = 1
  for (let j = 0; j < 50; j++) {
    const y = 4 * j + 1
    const rate = (y * y * Math.PI ** 2) / (8 * x)
    const term = binomial * y * Math.exp(-rate) * integral(x, rate)
    below += term
    if (Math.abs(term) < 1e-18) break
    binomial *= (-0.5 - j) / (j + 1)
  }
  return Math.min(1, Math.max(0, 1 - (below * Math.sqrt(2 * Math.PI)) / x))
}

/** ∫ exp(x/(8(w² + 1)) − rate·w²) dw over w > 0, by the trapezoidal rule. */
function integral(x: number, rate: number): number {
  const step = 0.05 / Math.max(1, Math.sqrt(rate))
  let sum = Math.exp(x / 8) / 2
  for (let i = 1; i < 20_000; i++) {
    const w = i * step
    const term = Math.exp(x / (8 * (w * w + 1)) - rate * w * w)
    sum += term
    if (term < 1e-18 * sum) break
  }
  return sum * step
}
