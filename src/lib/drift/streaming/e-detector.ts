import { exactInterval, normalQuantile } from '../../stats/distributions.ts'
import { checkBetween, checkCount, checkError, checkNumber, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

/** How bets that begin at every sample are put together: their sum, or the best of them. */
export type EForm = 'shiryaev-roberts' | 'cusum'

export type EDetectorOptions = {
  /** The budget: the expected number of samples between false alarms. */
  readonly falseAlarmEvery: number
  /** The mean without change: known, or estimated from `baselineSamples`. */
  readonly baseline: number
  /** How many samples the baseline was estimated from; 0, the default, for a baseline that is known. */
  readonly baselineSamples?: number
  /** The probability, within the budget, that an estimated baseline misleads. 0.05 if not given. */
  readonly referenceError?: number
  /** Which changes of the mean count. `both` if not given. */
  readonly direction?: 'up' | 'down' | 'both'
  readonly form?: EForm
}

/** The capital of every bet, and the logarithm of what one unit staked before the first sample has become. */
export type Capitals = { capital: number[]; logProduct: number[] }

/** Distances between the bound and the alternatives, in log-odds and in deviations: each a little more than twice the last. */
const LOG_ODDS = [0.25, 0.55, 1.2, 2.5] as const
const DEVIATIONS = [0.2, 0.45, 1, 2.2] as const
const CEILING = 1e300

/**
 * An e-detector for the rate of errors, 1 or 0 (Shin, Ramdas & Rinaldo 2024, "E-detectors", §3): the expected number of
 * samples to a false alarm is at least the budget, whether the sum or the best of the bets reaches it. A baseline estimated
 * from n samples is kept clear of by its exact interval. Throws RangeError for options that make no sense.
 *
 * `merge` is exact, up to rounding: the capital of bets of fixed stakes is a product over the samples.
 */
export function createEBernoulli(options: EDetectorOptions, state?: StreamState): StreamingDetector {
  checkBaseline(options)
  const { baseline, baselineSamples = 0 } = options
  const margin = (error: number) => exactInterval(Math.round(baseline * baselineSamples), baselineSamples, error)
  return createEDetector('e-bernoulli', options, checkError, (error) => betsOnShare(options, error ? margin(error) : undefined), state)
}

/**
 * An e-detector for the mean of numbers in [0, 1]: bets 1 + λ(x − u) of Waudby-Smith & Ramdas (2024, "Estimating means of
 * bounded random variables by betting", §4). A baseline estimated from n samples is kept clear of by Hoeffding's bound (1963).
 * `merge` as for the Bernoulli detector. Throws RangeError for options that make no sense.
 */
export function createEBounded(options: EDetectorOptions, state?: StreamState): StreamingDetector {
  checkBaseline(options)
  const { baseline, baselineSamples = 0 } = options
  const interval = (error: number) => {
    const margin = Math.sqrt(Math.log(1 / error) / (2 * baselineSamples))
    return { low: Math.max(0, baseline - margin), high: Math.min(1, baseline + margin) }
  }
  return createEDetector('e-bounded', options, checkShare, (error) => betsOnShare(options, error ? interval(error) : undefined), state)
}

/**
 * An e-detector for the mean of sub-Gaussian numbers of known scale σ: bets exp(λ(x − u) − λ²σ²/2). A baseline estimated from
 * n independent samples is kept clear of by the normal quantile, which is exact for Gaussian samples. `merge` as for the
 * Bernoulli detector. Throws RangeError for options that make no sense.
 */
export function createEGaussian(options: EDetectorOptions & { readonly sigma: number }, state?: StreamState): StreamingDetector {
  const { baseline, baselineSamples = 0, sigma, direction = 'both' } = options
  checkNumber(baseline)
  checkBetween('sigma', sigma, 0, Number.POSITIVE_INFINITY)
  const bets = (error: number) => {
    const margin = error ? (normalQuantile(1 - error) * sigma) / Math.sqrt(baselineSamples) : 0
    const bet = (sign: number) => (distance: number) => {
      const lambda = (sign * distance) / sigma
      const drift = -lambda * (baseline + sign * margin) - distance ** 2 / 2
      return (value: number) => lambda * value + drift
    }
    return [...(direction === 'down' ? [] : DEVIATIONS.map(bet(1))), ...(direction === 'up' ? [] : DEVIATIONS.map(bet(-1)))]
  }
  return createEDetector('e-gaussian', options, checkNumber, bets, state)
}

function checkBaseline({ baseline }: EDetectorOptions): void {
  checkBetween('baseline', baseline, 0, 1)
}

/** Throws RangeError unless the value lies in [0, 1]. */
function checkShare(value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`a sample must lie in [0, 1], not ${value}`)
}

type LogBet = (value: number) => number

function betsOnShare({ baseline, direction = 'both' }: EDetectorOptions, interval = { low: baseline, high: baseline }): LogBet[] {
  const bet = (bound: number, sign: number) => (distance: number) => {
    const to = 1 / (1 + ((1 - bound) / bound) * Math.exp(-sign * distance))
    const lambda = (to - bound) / (bound * (1 - bound))
    return (value: number) => Math.log1p(lambda * (value - bound))
  }
  const { low, high } = interval
  const up = direction === 'down' || high >= 1 ? [] : LOG_ODDS.map(bet(high, 1))
  const down = direction === 'up' || low <= 0 ? [] : LOG_ODDS.map(bet(low, -1))
  return [...up, ...down]
}

function createEDetector(
  kind: string,
  options: EDetectorOptions,
  check: (value: number) => void,
  betsFor: (sideError: number) => LogBet[],
  state?: StreamState,
): StreamingDetector {
  const { falseAlarmEvery, baselineSamples = 0, referenceError = 0.05, direction = 'both', form = 'shiryaev-roberts' } = options
  checkForm(falseAlarmEvery, form)
  checkCount('baselineSamples', baselineSamples, 0)
  checkBetween('referenceError', referenceError, 0, 1)
  if (!['up', 'down', 'both'].includes(direction)) throw new RangeError(`direction is up, down or both, not ${direction}`)
  const estimated = baselineSamples > 0
  const bets = betsFor(estimated ? referenceError / (direction === 'both' ? 2 : 1) : 0)
  if (bets.length === 0) throw new RangeError('the baseline leaves no change to detect; take more samples for it')
  const threshold = estimated ? falseAlarmEvery / (1 - referenceError) : falseAlarmEvery
  const weights = bets.map(() => 1 / bets.length)
  return createFromRule<Capitals>(
    {
      kind,
      options: { ...options, baselineSamples, referenceError, direction, form },
      fresh: () => freshCapitals(bets.length),
      check,
      step: (memory, value) => (play(memory, weights, form, (bet) => bets[bet]!(value)) >= threshold ? 'drift' : 'stable'),
      merge: (memory, later) => mergeCapitals(memory, later, form),
    },
    state,
  )
}

/** Throws RangeError for a budget or form that makes no sense. */
export function checkForm(falseAlarmEvery: number, form: string): void {
  if (!(falseAlarmEvery >= 1 && falseAlarmEvery < Number.POSITIVE_INFINITY))
    throw new RangeError(`falseAlarmEvery must be at least 1, not ${falseAlarmEvery}`)
  if (form !== 'shiryaev-roberts' && form !== 'cusum') throw new RangeError(`form is shiryaev-roberts or cusum, not ${form}`)
}

export function freshCapitals(bets: number): Capitals {
  return { capital: new Array<number>(bets).fill(0), logProduct: new Array<number>(bets).fill(0) }
}

/**
 * Plays every bet on one sample and returns the weighted mean of what they have. As a sum, M ← (M + 1)·E; as the best,
 * M ← max(M, 1)·E, which is never more: so both keep the budget.
 */
export function play({ capital, logProduct }: Capitals, weights: readonly number[], form: EForm, logPay: (bet: number) => number): number {
  let mean = 0
  for (let bet = 0; bet < capital.length; bet++) {
    const log = logPay(bet)
    const start = form === 'cusum' ? Math.max(capital[bet]!, 1) : capital[bet]! + 1
    const kept = Math.min(start * Math.exp(log), CEILING)
    capital[bet] = kept
    logProduct[bet]! += log
    mean += weights[bet]! * kept
  }
  return mean
}

/** What bets that began in either part have after both. */
export function mergeCapitals(memory: Capitals, later: Capitals, form: EForm): void {
  memory.capital.forEach((capital, bet) => {
    const grown = capital * Math.min(Math.exp(later.logProduct[bet]!), CEILING)
    const both = form === 'cusum' ? Math.max(grown, later.capital[bet]!) : grown + later.capital[bet]!
    memory.capital[bet] = Math.min(both, CEILING)
    memory.logProduct[bet]! += later.logProduct[bet]!
  })
}
