import { logMeanExp } from './sequential.ts'

/** Yes/no outcomes, such as failed requests, of traffic that went to one of two versions. */
type Outcomes = { readonly hits: number; readonly rows: number }
export type RateBlock = { readonly champion: Outcomes; readonly challenger: Outcomes }

export type RateTestOptions = {
  /** The probability of each of the two wrong verdicts, however often one looks. */
  readonly alpha: number
  /** The challenger is not worse when its rate exceeds the champion's by less than this. */
  readonly margin: number
  /** It is harmful when its rate exceeds the champion's by more than this. */
  readonly harmMargin: number
}

type RateVerdict = 'undecided' | 'not worse' | 'harmful'

/** Plain data, whose size does not grow; `notWorse` and `harmful` are log capitals. */
export type RateTestState = {
  readonly champion: Outcomes
  readonly challenger: Outcomes
  readonly notWorse: readonly number[]
  readonly harmful: readonly number[]
  readonly verdict: RateVerdict
}

export type RateReading = {
  readonly champion: Outcomes
  readonly challenger: Outcomes
  /** Natural logarithms of the e-values, and what they must reach: ln(1/alpha). */
  readonly evidence: { readonly notWorse: number; readonly harmful: number }
  readonly needed: number
  /** The first verdict reached; it stays. */
  readonly verdict: RateVerdict
}

/** Log-odds between the pooled rate and the alternatives that are bet on; a last bet uses the two rates as seen. */
const LOG_ODDS = [0.5, 1, 2] as const

export type RateTest = { readonly options: RateTestOptions; state: RateTestState }

/**
 * A sequential test of two independent rates, to be looked at after any block: each wrong verdict has probability at
 * most `alpha` over the whole run. How many rows of a block go to either side may vary but must not depend on their
 * outcomes.
 *
 * The bets are the e-variables of Turner, Ly & Grünwald (2024, "Generic e-variables for exact sequential k-sample
 * tests"): the likelihood of an alternative chosen from the blocks before, over that of the nearest point of the null,
 * which is convex. Throws RangeError for options that make no sense.
 */
export function createRateTest(options: RateTestOptions, state?: RateTestState): RateTest {
  const { alpha, margin, harmMargin } = options
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha lies between 0 and 1, not ${alpha}`)
  for (const [name, value] of Object.entries({ margin, harmMargin }))
    if (!(value > -1 && value < 1)) throw new RangeError(`${name} is a difference of rates between −1 and 1, not ${value}`)
  const none = { hits: 0, rows: 0 }
  const even = LOG_ODDS.map(() => 0).concat(0)
  return { options, state: state ?? { champion: none, challenger: none, notWorse: even, harmful: even, verdict: 'undecided' } }
}

/** Adds a block and looks. Throws RangeError for counts that cannot be. */
export function advanceRateTest(test: RateTest, block: RateBlock): RateReading {
  const { state, options } = test
  for (const [name, { hits, rows }] of Object.entries(block))
    if (!(hits >= 0 && hits <= rows)) throw new RangeError(`${hits} of ${rows} rows of the ${name} cannot be`)
  // "Not worse" is the same test with the roles exchanged: the champion's rate exceeds the challenger's by more than −margin.
  const harmful = play(
    state.harmful,
    { low: state.champion, high: state.challenger },
    { low: block.champion, high: block.challenger },
    options.harmMargin,
  )
  const notWorse = play(
    state.notWorse,
    { low: state.challenger, high: state.champion },
    { low: block.challenger, high: block.champion },
    -options.margin,
  )
  const evidence = { notWorse: logMeanExp(notWorse), harmful: logMeanExp(harmful) }
  const needed = -Math.log(options.alpha)
  const now = evidence.harmful >= needed ? 'harmful' : evidence.notWorse >= needed ? 'not worse' : 'undecided'
  const verdict = state.verdict === 'undecided' ? now : state.verdict
  const [champion, challenger] = [sum(state.champion, block.champion), sum(state.challenger, block.challenger)]
  test.state = { champion, challenger, notWorse, harmful, verdict }
  return { champion, challenger, evidence, needed, verdict }
}

function sum(a: Outcomes, b: Outcomes): Outcomes {
  return { hits: a.hits + b.hits, rows: a.rows + b.rows }
}

type Sides = { readonly low: Outcomes; readonly high: Outcomes }
type Rates = { readonly low: number; readonly high: number }

/** Log capitals after a block of bets that the rate of `high` exceeds that of `low` by more than `margin`. */
function play(capitals: readonly number[], past: Sides, block: Sides, margin: number): number[] {
  // Before both sides were seen there is nothing to base a bet on.
  if (past.low.rows === 0 || past.high.rows === 0) return [...capitals]
  return alternativesFrom(past, margin).map((alternative, i) => capitals[i]! + logEvidence(block, alternative, margin))
}

function alternativesFrom(past: Sides, margin: number): Rates[] {
  const pooled = smoothed(sum(past.low, { hits: Math.max(0, past.high.hits - margin * past.high.rows), rows: past.high.rows }))
  const low = Math.min(Math.max(pooled, 0.001 - Math.min(margin, 0)), 0.999 - Math.max(margin, 0))
  const shifted = LOG_ODDS.map((distance) => ({ low, high: oddsShifted(inside(low + margin), distance) }))
  return [...shifted, { low: smoothed(past.low), high: smoothed(past.high) }]
}

function smoothed({ hits, rows }: Outcomes): number {
  return inside((hits + 0.5) / (rows + 1))
}

function inside(rate: number): number {
  return Math.min(Math.max(rate, 1e-6), 1 - 1e-6)
}

function oddsShifted(rate: number, distance: number): number {
  return inside(1 / (1 + ((1 - rate) / rate) * Math.exp(-distance)))
}

/** The log likelihood ratio of a block: the alternative over its projection onto the null. */
function logEvidence(block: Sides, alternative: Rates, margin: number): number {
  if (alternative.high <= alternative.low + margin || block.low.rows + block.high.rows === 0) return 0
  const nearest = nearestNull(block, alternative, margin)
  return logRatio(block.low, alternative.low, nearest.low) + logRatio(block.high, alternative.high, nearest.high)
}

function logRatio({ hits, rows }: Outcomes, rate: number, against: number): number {
  return hits * Math.log(rate / against) + (rows - hits) * Math.log((1 - rate) / (1 - against))
}

/**
 * The rates with high = low + margin that are closest, in Kullback–Leibler divergence over the block, to the alternative.
 * The divergence is convex along that line and least between the points nearest for either side alone: Newton's method,
 * kept inside by halving.
 */
function nearestNull(block: Sides, alternative: Rates, margin: number): Rates {
  const [a, b] = [alternative.low, alternative.high]
  let from = Math.max(a, 1e-9 - margin, 1e-9)
  let to = Math.min(b - margin, 1 - 1e-9)
  let low = (block.low.rows * from + block.high.rows * to) / (block.low.rows + block.high.rows)
  for (let i = 0; i < 50 && to - from > 1e-13; i++) {
    const high = low + margin
    const slope = block.low.rows * ((1 - a) / (1 - low) - a / low) + block.high.rows * ((1 - b) / (1 - high) - b / high)
    const bend = block.low.rows * ((1 - a) / (1 - low) ** 2 + a / low ** 2) + block.high.rows * ((1 - b) / (1 - high) ** 2 + b / high ** 2)
    if (slope > 0) to = low
    else from = low
    const next = low - slope / bend
    if (Math.abs(next - low) < 1e-14) break
    low = next > from && next < to ? next : (from + to) / 2
  }
  return { low, high: low + margin }
}
