import { chiSquaredTail, logGamma } from '../../stats/distributions.ts'
import { type TestOutcome, tooFew } from './result.ts'
import { eachLevel, sortedSample } from './samples.ts'

const LEAST_ROWS = 10

/**
 * The two-sample Cramér–von Mises test (Anderson 1962, eq. 9), tied values at their mid-ranks; the p-value from the limit law
 * of the statistic brought to its mean and variance (SciPy’s `asymptotic`). The effect is the root of the mean squared distance between both
 * distribution functions, less what chance adds to it; it is 0 to 1. Throws RangeError on NaN and infinity.
 */
export function cramerVonMisesTest(reference: Float64Array, current: Float64Array): TestOutcome {
  const first = sortedSample(reference, 'reference')
  const second = sortedSample(current, 'current')
  const [n, m] = [first.length, second.length]
  const short = tooFew('cramer_von_mises', 'Cramér–von Mises', LEAST_ROWS, n, m)
  if (short) return short
  let [firstSquares, secondSquares] = [0, 0]
  eachLevel(first, second, ({ reference, current, referenceBelow, currentBelow }) => {
    const rank = referenceBelow + currentBelow + (reference + current + 1) / 2
    for (let i = 1; i <= reference; i++) firstSquares += (rank - referenceBelow - i) ** 2
    for (let j = 1; j <= current; j++) secondSquares += (rank - currentBelow - j) ** 2
  })
  const all = n + m
  const product = n * m
  const statistic = (n * firstSquares + m * secondSquares) / (product * all) - (4 * product - 1) / (6 * all)
  const mean = (1 + 1 / all) / 6
  const variance = ((all + 1) * (4 * product * all - 3 * (n * n + m * m) - 2 * product)) / (45 * all * all * 4 * product)
  return {
    test: 'cramer_von_mises',
    statistic,
    effect: {
      name: 'root mean squared distance of the distribution functions',
      value: Math.sqrt((Math.max(0, statistic - mean) * all) / product),
    },
    pValue: cramerVonMisesTail(1 / 6 + (statistic - mean) / Math.sqrt(45 * variance)),
    referenceRows: n,
    currentRows: m,
  }
}

/**
 * The probability that the limit law of the Cramér–von Mises statistic exceeds x: Anderson & Darling (1952, eq. 4.35), and far
 * out, where that loses its digits, Zolotarev's tail (1961) of Σ Z²/(kπ)², √2·P(χ²₁ > π²x).
 */
export function cramerVonMisesTail(x: number): number {
  if (x < 0.003) return 1
  const far = Math.SQRT2 * chiSquaredTail(Math.PI * Math.PI * x, 1)
  if (far < 1e-9) return far
  let below = 0
  for (let k = 0; k < 100; k++) {
    const y = 4 * k + 1
    const q = (y * y) / (16 * x)
    const weight = Math.exp(logGamma(k + 0.5) - logGamma(k + 1)) / (Math.PI ** 1.5 * Math.sqrt(x))
    const term = weight * Math.sqrt(y) * Math.exp(-2 * q) * scaledBesselK(0.25, q)
    below += term
    if (term < 1e-17) break
  }
  return Math.min(1, Math.max(0, 1 - below))
}

/** e^q·K_order(q), from its integral over exp(−q(cosh t − 1))·cosh(order·t) by the trapezoidal rule, which converges geometrically. */
function scaledBesselK(order: number, q: number): number {
  const step = 0.05
  let sum = 0.5
  for (let i = 1; i < 2_000; i++) {
    const t = i * step
    const term = Math.exp(-q * (Math.cosh(t) - 1)) * Math.cosh(order * t)
    sum += term
    if (term < 1e-18 * sum) break
  }
  return sum * step
}
