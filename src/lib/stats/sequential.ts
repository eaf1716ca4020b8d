/**
 * How much worse the challenger did than the champion on the same rows: its loss minus the champion's, in [−1, 1].
 * For losses of 0 and 1 the counts say it all; other differences are given one by one.
 */
export type PairedBlock = {
  /** Rows on which only the challenger was wrong, only the champion was, and on which both were right or both wrong. */
  readonly worse?: number
  readonly better?: number
  readonly tied?: number
  readonly differences?: Iterable<number>
}

export type PairedTestOptions = {
  /** The probability of each of the two wrong verdicts, however often one looks. */
  readonly alpha: number
  /** The challenger is not worse when its mean loss exceeds the champion's by less than this. */
  readonly margin: number
  /** It is harmful when its mean loss exceeds the champion's by more than this. */
  readonly harmMargin: number
}

type PairedVerdict = 'undecided' | 'not worse' | 'harmful'

/** Plain data, whose size does not grow. `levels[i]` is the weight of rows with difference (i − 16) / 16. */
export type PairedTestState = { readonly levels: readonly number[]; readonly verdict: PairedVerdict }

export type PairedReading = {
  readonly rows: number
  /** The mean of challenger's minus champion's loss; NaN without rows. */
  readonly difference: number
  /** Natural logarithms of the e-values against "worse by `margin` or more" and "worse by `harmMargin` or less". */
  readonly evidence: { readonly notWorse: number; readonly harmful: number }
  /** What the evidence must reach: ln(1/alpha). */
  readonly needed: number
  /** The first verdict reached; it stays. */
  readonly verdict: PairedVerdict
}

export type PairedTest = {
  readonly options: PairedTestOptions
  readonly levels: Float64Array
  /** The bets against either null: the log growth of each stake at each level. */
  readonly bets: { readonly notWorse: Float64Array; readonly harmful: Float64Array }
  verdict: PairedVerdict
}

const STEPS = 16
const LEVELS = 2 * STEPS + 1

/** Stakes as a share of the largest one that cannot go bankrupt. */
const STAKES = [0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8] as const

/**
 * A sequential test of challenger against champion on the same rows, to be looked at after any row without inflating its
 * error: by Ville's inequality each wrong verdict has probability at most `alpha` over the whole run.
 *
 * The evidence is the mean of betting martingales Π(1 + λ(m − dᵢ)) over a fixed grid of stakes λ (Waudby-Smith & Ramdas
 * 2024, "Estimating means of bounded random variables by betting", §4), so it depends on the counts alone and not on how
 * rows fell into blocks. A difference between two levels is split over both, in proportion: log being concave, that can
 * only lower the evidence. Throws RangeError for options that make no sense.
 */
export function createPairedTest(options: PairedTestOptions, state?: PairedTestState): PairedTest {
  const { alpha, margin, harmMargin } = options
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha lies between 0 and 1, not ${alpha}`)
  for (const [name, value] of Object.entries({ margin, harmMargin }))
    if (!(value > -1 && value < 1)) throw new RangeError(`${name} is a difference of losses between −1 and 1, not ${value}`)
  if (state && state.levels.length !== LEVELS)
    throw new RangeError(`the stored state has ${state.levels.length} levels, not ${LEVELS}; reset it`)
  const bets = { notWorse: betsBelow(margin), harmful: betsAbove(harmMargin) }
  return { options, levels: Float64Array.from(state?.levels ?? new Float64Array(LEVELS)), bets, verdict: state?.verdict ?? 'undecided' }
}

export function pairedTestState(test: PairedTest): PairedTestState {
  return { levels: Array.from(test.levels), verdict: test.verdict }
}

/** Adds a block of rows and looks. Throws RangeError for negative counts or a difference outside [−1, 1]. */
export function advancePairedTest(test: PairedTest, block: PairedBlock): PairedReading {
  const { levels, options, bets } = test
  const { worse = 0, better = 0, tied = 0, differences = [] } = block
  if (!(worse >= 0 && better >= 0 && tied >= 0))
    throw new RangeError(`counts cannot be negative: ${worse} worse, ${better} better, ${tied} tied`)
  levels[2 * STEPS]! += worse
  levels[0]! += better
  levels[STEPS]! += tied
  for (const difference of differences) addDifference(levels, difference)
  const evidence = { notWorse: evidenceOf(levels, bets.notWorse), harmful: evidenceOf(levels, bets.harmful) }
  const needed = -Math.log(options.alpha)
  if (test.verdict === 'undecided')
    test.verdict = evidence.harmful >= needed ? 'harmful' : evidence.notWorse >= needed ? 'not worse' : 'undecided'
  let rows = 0
  let total = 0
  for (let level = 0; level < LEVELS; level++) {
    rows += levels[level]!
    total += levels[level]! * differenceAt(level)
  }
  return { rows, difference: total / rows, evidence, needed, verdict: test.verdict }
}

/**
 * A confidence sequence for the mean difference: it covers it at all times together with probability 1 − `alpha`. Both
 * ends come from the same bets as the test, at alpha/2 each, and are exact to 1e-9.
 */
export function differenceInterval(test: PairedTest): { readonly low: number; readonly high: number } {
  const needed = -Math.log(test.options.alpha / 2)
  const reached = (mean: number) => evidenceOf(test.levels, betsAbove(mean, test.levels)) >= needed
  const exceeded = (mean: number) => evidenceOf(test.levels, betsBelow(mean, test.levels)) < needed
  return { low: lastWhere(reached), high: lastWhere(exceeded) }
}

/** The largest mean in [−1, 1] at which a condition holds that holds below it too. */
function lastWhere(holds: (mean: number) => boolean): number {
  let low = -1
  let high = 1
  while (high - low > 1e-9) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return low <= -1 + 1e-8 ? -1 : high >= 1 - 1e-8 ? 1 : low
}

function addDifference(levels: Float64Array, difference: number): void {
  if (!(difference >= -1 && difference <= 1)) throw new RangeError(`a difference of losses lies in [−1, 1], not ${difference}`)
  const place = (difference + 1) * STEPS
  const below = Math.min(Math.floor(place), LEVELS - 2)
  levels[below]! += 1 - (place - below)
  levels[below + 1]! += place - below
}

function differenceAt(level: number): number {
  return (level - STEPS) / STEPS
}

/** Bets against a mean of at least `mean`; where `levels` is given, only for those that have rows. */
function betsBelow(mean: number, levels?: Float64Array): Float64Array {
  return betsWith((level) => (mean - differenceAt(level)) / (1 - mean), levels)
}

/** Bets against a mean of at most `mean`; where `levels` is given, only for those that have rows. */
function betsAbove(mean: number, levels?: Float64Array): Float64Array {
  return betsWith((level) => (differenceAt(level) - mean) / (1 + mean), levels)
}

function betsWith(gain: (level: number) => number, levels?: Float64Array): Float64Array {
  const bets = new Float64Array(LEVELS * STAKES.length)
  for (let level = 0; level < LEVELS; level++) {
    if (levels?.[level] === 0) continue
    const won = gain(level)
    for (let s = 0; s < STAKES.length; s++) bets[level * STAKES.length + s] = Math.log1p(STAKES[s]! * won)
  }
  return bets
}

/** The logarithm of the mean capital over all stakes. */
function evidenceOf(levels: Float64Array, bets: Float64Array): number {
  const logs = new Float64Array(STAKES.length)
  for (let level = 0; level < LEVELS; level++) {
    const weight = levels[level]!
    if (weight === 0) continue
    for (let s = 0; s < STAKES.length; s++) logs[s]! += weight * bets[level * STAKES.length + s]!
  }
  return logMeanExp(logs)
}

/** ln of the mean of exponentials, without overflow. */
export function logMeanExp(logs: ArrayLike<number>): number {
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logs.length; i++) top = Math.max(top, logs[i]!)
  let sum = 0
  for (let i = 0; i < logs.length; i++) sum += Math.exp(logs[i]! - top)
  return top + Math.log(sum / logs.length)
}
