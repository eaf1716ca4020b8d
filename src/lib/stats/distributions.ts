/**
 * ln Γ(x) for x > 0, to about 1e-14 relative: Stirling's series (Abramowitz & Stegun 6.1.41) after moving the argument
 * above 10 by the recurrence. Throws RangeError for x ≤ 0.
 */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`logGamma needs a positive number, not ${x}`)
  let shifted = x
  let product = 1
  while (shifted < 10) {
    product *= shifted
    shifted += 1
  }
  const r = 1 / (shifted * shifted)
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360360))))) / shifted
  return (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product)
}

/**
 * The distribution function of Beta(a, b) at x: the regularised incomplete beta function, by its continued fraction
 * (Abramowitz & Stegun 26.5.8) in Lentz's form. Throws RangeError unless a, b > 0.
 */
export function betaCdf(x: number, a: number, b: number): number {
  if (!(a > 0 && b > 0)) throw new RangeError(`betaCdf needs a > 0 and b > 0, not a = ${a} and b = ${b}`)
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    const change = d * c
    fraction *= change
    if (Math.abs(change - 1) < 1e-15) break
  }
  return fraction
}

/** The x at which Beta(a, b) has `probability` below it, by bisection kept safe around Newton's steps. */
export function betaQuantile(probability: number, a: number, b: number): number {
  if (!(probability >= 0 && probability <= 1)) throw new RangeError(`a probability lies in [0, 1], not ${probability}`)
  if (probability === 0 || probability === 1) return probability
  const logNorm = logGamma(a + b) - logGamma(a) - logGamma(b)
  let low = 0
  let high = 1
  let x = a / (a + b)
  for (let i = 0; i < 200; i++) {
    const excess = betaCdf(x, a, b) - probability
    if (excess > 0) high = x
    else low = x
    const density = Math.exp(logNorm + (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x))
    const newton = x - excess / density
    const after = newton > low && newton < high ? newton : (low + high) / 2
    if (Math.abs(after - x) <= 1e-14 * x) return after
    x = after
  }
  return x
}

/**
 * Clopper & Pearson's exact interval (1934) for a probability of which `hits` of `trials` were seen: each end is wrong
 * with probability at most `sideError`. For a bin cut at the order statistics of the same sample both ends stay valid,
 * because the mass of such a bin with k of n points is Beta(k, n + 1 − k).
 */
export function exactInterval(hits: number, trials: number, sideError: number): { low: number; high: number } {
  if (!(trials > 0 && hits >= 0 && hits <= trials)) throw new RangeError(`exactInterval needs 0 ≤ hits ≤ trials, not ${hits} of ${trials}`)
  return {
    low: hits === 0 ? 0 : betaQuantile(sideError, hits, trials - hits + 1),
    high: hits === trials ? 1 : betaQuantile(1 - sideError, hits + 1, trials - hits),
  }
}

/** The probability that a standard normal exceeds z, accurate in the tail. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z)
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  if (z < 3) {
    // Abramowitz & Stegun 26.2.11
    let term = z
    let sum = z
    for (let k = 1; term > 1e-17 * sum; k++) {
      term *= (z * z) / (2 * k + 1)
      sum += term
    }
    return 0.5 - density * sum
  }
  // Abramowitz & Stegun 26.2.14, from its far end
  let fraction = z
  for (let k = 120; k >= 1; k--) fraction = z + k / fraction
  return density / fraction
}

/** The z below which a standard normal falls with `probability`. Throws RangeError outside (0, 1). */
export function normalQuantile(probability: number): number {
  if (!(probability > 0 && probability < 1)) throw new RangeError(`normalQuantile needs a probability in (0, 1), not ${probability}`)
  if (probability < 0.5) return -upperQuantile(probability)
  return upperQuantile(1 - probability)
}

function upperQuantile(tail: number): number {
  let z = 0
  for (let i = 0; i < 100; i++) {
    const beyond = normalTail(z)
    // Newton's method on ln P(Z > z), which is concave: no overshoot, and quick in the tail.
    const slope = -Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / beyond
    const change = (Math.log(tail) - Math.log(beyond)) / slope
    z += change
    if (Math.abs(change) <= 1e-14 * (1 + z)) break
  }
  return z
}

/** The probability of at most `hits` of `trials` when each happens with `probability`. */
export function binomialCdf(hits: number, trials: number, probability: number): number {
  if (hits < 0) return 0
  if (hits >= trials) return 1
  return 1 - betaCdf(probability, hits + 1, trials - hits)
}

/**
 * The probability that Gamma(shape, scale 1) exceeds x: the regularised upper incomplete gamma function, by its series
 * (Abramowitz & Stegun 6.5.29) below shape + 1 and its continued fraction (6.5.31, in Lentz's form) above, so that the tail
 * keeps its relative accuracy. Throws RangeError unless shape > 0.
 */
export function gammaTail(x: number, shape: number): number {
  if (!(shape > 0)) throw new RangeError(`gammaTail needs a shape > 0, not ${shape}`)
  if (Number.isNaN(x)) throw new RangeError('gammaTail needs a number, not NaN')
  if (x <= 0) return 1
  if (x === Number.POSITIVE_INFINITY) return 0
  const front = Math.exp(shape * Math.log(x) - x - logGamma(shape))
  if (x < shape + 1) {
    let term = 1 / shape
    let sum = term
    for (let k = 1; term > 1e-17 * sum; k++) {
      term *= x / (shape + k)
      sum += term
    }
    return Math.max(0, 1 - front * sum)
  }
  let b = x + 1 - shape
  let c = 1e300
  let d = 1 / b
  let fraction = d
  for (let k = 1; k <= 100_000; k++) {
    const a = -k * (k - shape)
    b += 2
    d = 1 / (a * d + b)
    c = b + a / c
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return front * fraction
}

/** The probability of at most x under Gamma(shape, scale 1). Throws RangeError unless shape > 0. */
export function gammaCdf(x: number, shape: number): number {
  return 1 - gammaTail(x, shape)
}

/** The probability that χ² with `freedom` degrees exceeds x. Throws RangeError unless freedom > 0. */
export function chiSquaredTail(x: number, freedom: number): number {
  return gammaTail(x / 2, freedom / 2)
}

/** The x that χ² with `freedom` degrees exceeds with probability `tail`, by bisection. Throws RangeError unless 0 < tail < 1. */
export function chiSquaredUpperQuantile(tail: number, freedom: number): number {
  if (!(tail > 0 && tail < 1)) throw new RangeError(`chiSquaredUpperQuantile needs a probability in (0, 1), not ${tail}`)
  let low = 0
  let high = freedom + 10
  while (chiSquaredTail(high, freedom) > tail) high *= 2
  for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const middle = (low + high) / 2
    if (chiSquaredTail(middle, freedom) > tail) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** The probability that Student's t with `freedom` degrees lies further from 0 than t, on both sides. */
export function studentTwoSided(t: number, freedom: number): number {
  if (!(freedom > 0)) throw new RangeError(`studentTwoSided needs freedom > 0, not ${freedom}`)
  // t² against freedom decides which end of the beta distribution is asked, so that neither loses its digits.
  const square = t * t
  return square > freedom
    ? betaCdf(freedom / (freedom + square), freedom / 2, 0.5)
    : 1 - betaCdf(square / (freedom + square), 0.5, freedom / 2)
}

/** The probability that Fisher's F with `over` and `under` degrees of freedom exceeds f. */
export function fisherTail(f: number, over: number, under: number): number {
  if (f <= 0) return 1
  return betaCdf(under / (under + over * f), under / 2, over / 2)
}

/**
 * The probability that Kolmogorov's limit law exceeds x (Kolmogorov 1933): 2 Σ (−1)^(k−1) exp(−2k²x²), and for small x the
 * theta-transformed series.
 */
export function kolmogorovTail(x: number): number {
  if (x <= 0) return 1
  let sum = 0
  if (x < 1) {
    for (let k = 1; k < 20; k += 2) sum += Math.exp((-k * k * Math.PI * Math.PI) / (8 * x * x))
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum
  }
  for (let k = 1; k < 20; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x)
  return sum
}
