/** A piecewise linear function through ascending `xs`, constant beyond its ends. Plain data. */
export type Knots = { readonly xs: readonly number[]; readonly ys: readonly number[] }

/**
 * The non-decreasing function of the score that fits the targets best in weighted least squares, by pooling adjacent
 * violators (Ayer et al. 1955; Barlow et al. 1972). Equal scores count as one point. Only the ends of each flat stretch are
 * kept. Weights are 1 when not given; rows of weight 0 are left out. Throws RangeError when nothing is left or lengths differ.
 */
export function fitIsotonic(scores: ArrayLike<number>, targets: ArrayLike<number>, weights?: ArrayLike<number>): Knots {
  if (scores.length !== targets.length || (weights && weights.length !== scores.length))
    throw new RangeError(`${scores.length} scores do not match ${targets.length} targets${weights ? ` and ${weights.length} weights` : ''}`)
  const points = distinctPoints(scores, targets, weights)
  if (points.length === 0) throw new RangeError('an isotonic fit needs at least one finite score with a weight above 0')
  const blocks: { from: number; to: number; mean: number; weight: number }[] = []
  for (const { score, mean, weight } of points) {
    let block = { from: score, to: score, mean, weight }
    for (let last = blocks.at(-1); last && last.mean >= block.mean; last = blocks.at(-1)) {
      const total = last.weight + block.weight
      block = { from: last.from, to: block.to, mean: (last.mean * last.weight + block.mean * block.weight) / total, weight: total }
      blocks.pop()
    }
    blocks.push(block)
  }
  const xs = blocks.flatMap(({ from, to }) => (from === to ? [from] : [from, to]))
  const ys = blocks.flatMap(({ from, to, mean }) => (from === to ? [mean] : [mean, mean]))
  return { xs, ys }
}

/** The function's value at one score; NaN for NaN. */
export function atKnots({ xs, ys }: Knots, score: number): number {
  if (Number.isNaN(score)) return Number.NaN
  const last = xs.length - 1
  if (score <= xs[0]!) return ys[0]!
  if (score >= xs[last]!) return ys[last]!
  let low = 0
  let high = last
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (xs[middle]! <= score) low = middle
    else high = middle
  }
  const part = (score - xs[low]!) / (xs[high]! - xs[low]!)
  return ys[low]! + part * (ys[high]! - ys[low]!)
}

/** The same function through at most `most` of its knots, the ends among them, evenly taken: what a small record keeps. */
export function thinKnots(knots: Knots, most: number): Knots {
  const count = knots.xs.length
  if (count <= most) return knots
  const kept = Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1)))
  return { xs: kept.map((i) => knots.xs[i]!), ys: kept.map((i) => knots.ys[i]!) }
}

function distinctPoints(scores: ArrayLike<number>, targets: ArrayLike<number>, weights: ArrayLike<number> | undefined) {
  const rows = Array.from({ length: scores.length }, (_, i) => i)
    .filter((i) => Number.isFinite(scores[i]!) && Number.isFinite(targets[i]!) && (weights?.[i] ?? 1) > 0)
    .sort((a, b) => scores[a]! - scores[b]!)
  const points: { score: number; mean: number; weight: number }[] = []
  for (const row of rows) {
    const weight = weights?.[row] ?? 1
    const last = points.at(-1)
    if (last?.score === scores[row]!) {
      last.mean += ((targets[row]! - last.mean) * weight) / (last.weight + weight)
      last.weight += weight
    } else points.push({ score: scores[row]!, mean: targets[row]!, weight })
  }
  return points
}
