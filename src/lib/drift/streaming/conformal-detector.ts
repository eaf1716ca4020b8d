import { createRandom } from '../../random.ts'
import { binOf } from '../profile/profile.ts'
import { checkBetween, checkCount, checkNumber, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'
import { type Capitals, checkForm, type EForm, freshCapitals, mergeCapitals, play } from './e-detector.ts'
import { rankOne } from './rank-coins.ts'

export type ConformalOptions = {
  /** The budget: the expected number of samples between false alarms. */
  readonly falseAlarmEvery: number
  readonly form?: EForm
  /** Samples that only settle the bins; they are not ranked. 200 if not given. */
  readonly warmUp?: number
  /** How finely samples are told apart. 16 if not given, at most 256. */
  readonly bins?: number
  /** Names the random ties. */
  readonly seed?: string
}

export type JumperOptions = ConformalOptions & {
  /** The chance that the simple jumper changes its bet at a sample. 0.01 if not given. */
  readonly jump?: number
}

/** The warm-up, then the edges of the bins and the samples ranked so far in each. */
type Ranks = { warm: number[]; edges: number[]; bag: number[]; rows: number }

const SLOPES = [-0.6, 0.6, -1.6, 1.6] as const
const BENDS = [-0.6, 0.8] as const

type Full = Required<ConformalOptions>

function withDefaults<O extends ConformalOptions>(options: O): O & Full {
  const full = { form: 'shiryaev-roberts' as const, warmUp: 200, bins: 16, seed: 'conformal', ...options }
  checkForm(full.falseAlarmEvery, full.form)
  checkCount('warmUp', full.warmUp, 2)
  checkCount('bins', full.bins, 2)
  if (full.bins > 256) throw new RangeError(`bins must not exceed 256, it is ${full.bins}`)
  return full
}

const freshRanks = (): Ranks => ({ warm: [], edges: [], bag: [], rows: 0 })

/** The p-value of a sample: its rank among those since the warm-up, with random ties; nothing during the warm-up. */
function rankOf(ranks: Ranks, value: number, { warmUp, bins, seed }: Full): number | undefined {
  if (ranks.bag.length === 0) {
    ranks.warm.push(value)
    if (ranks.warm.length < warmUp) return undefined
    const sorted = ranks.warm.toSorted((a, b) => a - b)
    ranks.edges = [...new Set(Array.from({ length: bins - 1 }, (_, i) => sorted[Math.floor(((i + 1) * warmUp) / bins)]!))]
    ranks.bag = new Array<number>(ranks.edges.length + 1).fill(0)
    ranks.warm = []
    return undefined
  }
  return rankOne(ranks, binOf(ranks.edges, value), createRandom(`${seed}/${ranks.rows}`))
}

/**
 * An e-detector for any change of distribution, with no baseline at all: samples are ranked among those before, in bins that
 * a warm-up settles, and the ranks, uniform and independent while the samples are exchangeable (Vovk, Gammerman & Shafer
 * 2005), are bet on with a mixture of densities: slopes in the rank for a change of level, bends for one of spread. The
 * expected number of samples to a false alarm is at least the budget. Throws RangeError for options that make no sense.
 *
 * `merge` is an approximation: the later ranks stay those among the later samples, and the earlier bins and counts are kept.
 * A later stream that is still in its warm-up is taken in sample by sample, exactly.
 */
export function createERank(options: ConformalOptions, state?: StreamState): StreamingDetector {
  const full = withDefaults(options)
  const densities = [...SLOPES.map((k) => slope(k)), ...BENDS.map((k) => bend(k))]
  const weights = densities.map(() => 1 / densities.length)
  const take = (memory: Ranks & Capitals, value: number): number => {
    const rank = rankOf(memory, value, full)
    return rank === undefined ? 0 : play(memory, weights, full.form, (bet) => densities[bet]!(rank))
  }
  return createFromRule<Ranks & Capitals>(
    {
      kind: 'e-rank',
      options: full,
      fresh: () => ({ ...freshRanks(), ...freshCapitals(densities.length) }),
      check: checkNumber,
      step: (memory, value) => (take(memory, value) >= full.falseAlarmEvery ? 'drift' : 'stable'),
      merge(memory, later) {
        if (later.bag.length === 0) for (const value of later.warm) take(memory, value)
        else if (memory.bag.length === 0) Object.assign(memory, later)
        else mergeCapitals(memory, later, full.form)
      },
    },
    state,
  )
}

/** ln of the density proportional to exp(k p) on [0, 1]. */
function slope(k: number): (rank: number) => number {
  const norm = Math.log(Math.expm1(k) / k)
  return (rank) => k * rank - norm
}

/** ln of the density 1 + k (12 (p − ½)² − 1) / 2, which lies between 1 − k/2 in the middle and 1 + k at the ends. */
function bend(k: number): (rank: number) => number {
  return (rank) => Math.log1p((k * (12 * (rank - 0.5) ** 2 - 1)) / 2)
}

/** The capitals of the three bets of the jumper; and what one unit staked before the first sample has become. */
type Jumper = Ranks & { capital: number[]; unit: number[] }

const STAKES = [-1, 0, 1] as const
const CEILING = 1e300

/**
 * The simple jumper martingale of Vovk, Petej, Nouretdinov, Ahlberg, Carlsson & Gammerman (2021, "Retrain or not retrain:
 * conformal test martingales for change-point detection", §2) over ranks as `createERank` has them, begun anew at every
 * sample: as a sum (Shiryaev–Roberts) or from 1 again whenever it is below (CUSUM). Both keep the budget. Throws RangeError
 * for options that make no sense.
 *
 * `merge` is an approximation, as for `createERank`; also the jumper is taken to begin the later part with even bets.
 */
export function createConformal(options: JumperOptions, state?: StreamState): StreamingDetector {
  const full = { jump: 0.01, ...withDefaults(options) }
  checkBetween('jump', full.jump, 0, 1)
  const take = (memory: Jumper, value: number): number => {
    const rank = rankOf(memory, value, full)
    if (rank === undefined) return 0
    const total = sumOf(memory.capital)
    const fresh = full.form === 'cusum' ? (total < 1 ? 1 : 0) : 1
    const kept = full.form === 'cusum' && total < 1 ? 0 : 1
    const started = memory.capital.map((capital) => kept * capital + fresh / STAKES.length)
    memory.capital = jumped(started, full.jump, rank)
    memory.unit = jumped(memory.unit, full.jump, rank)
    return sumOf(memory.capital)
  }
  return createFromRule<Jumper>(
    {
      kind: 'conformal',
      options: full,
      fresh: () => ({ ...freshRanks(), capital: STAKES.map(() => 0), unit: STAKES.map(() => 1 / STAKES.length) }),
      check: checkNumber,
      step: (memory, value) => (take(memory, value) >= full.falseAlarmEvery ? 'drift' : 'stable'),
      merge(memory, later) {
        if (later.bag.length === 0) for (const value of later.warm) take(memory, value)
        else if (memory.bag.length === 0) Object.assign(memory, later)
        else mergeJumpers(memory, later, full.form)
      },
    },
    state,
  )
}

/** One sample: some of every bet moves to the others, then each is paid 1 + ε (p − ½). */
function jumped(capital: readonly number[], jump: number, rank: number): number[] {
  const total = sumOf(capital)
  return capital.map((own, i) => Math.min(((1 - jump) * own + (jump * total) / STAKES.length) * (1 + STAKES[i]! * (rank - 0.5)), CEILING))
}

function mergeJumpers(memory: Jumper, later: Jumper, form: EForm): void {
  const [before, unit] = [sumOf(memory.capital), sumOf(memory.unit)]
  const grown = later.unit.map((share) => before * share)
  const summed = grown.map((capital, i) => Math.min(capital + later.capital[i]!, CEILING))
  memory.capital = form === 'cusum' ? (sumOf(grown) > sumOf(later.capital) ? grown : later.capital) : summed
  memory.unit = later.unit.map((share) => unit * share)
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
