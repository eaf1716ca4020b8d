import type { FeatureProfile, Profile } from '../profile/profile.ts'
import { MISSING, rowsIn, type Sketch } from '../profile/sketch.ts'
import { type Bank, capitalFromText, capitalToText, createBank, holdsCapitals, playBlock } from './evidence.ts'
import { createRankCoins, emptyCoins, fillCoins, isBag, learnedShare, type RankCoins, tossBlock } from './rank-coins.ts'
import { bucketsOf, type Region, regionBets, type SeasonBucket } from './regions.ts'
import { createTilts, playTilts, type TiltBank, tiltsFromText, tiltsToText } from './tilts.ts'

export type DetectorOptions = {
  readonly profile: Profile
  /**
   * The budget: the expected number of rows between false alarms, over all features together; or of whatever the stakes of
   * the blocks count, such as seconds.
   */
  readonly falseAlarmEveryRows: number
  /** How far, as a share of rows, a bin may honestly move before it counts as drift. 0.01 if not given. */
  readonly tolerance?: number
  /** The probability, within the budget, that the finite reference sample misleads. 0.05 if not given. */
  readonly referenceError?: number
  /**
   * The reference in each part of a cycle, such as each hour of a week, over the bins of the profile. A block is then
   * compared with its own bucket, and all buckets share the evidence. One bucket, the profile itself, if not given.
   */
  readonly season?: readonly SeasonBucket[]
}

/** The state to keep between blocks and over a restart. `bags`: what counts as normal, by bucket, feature and category. */
export type DetectorState = {
  readonly rows: number
  readonly capital: string
  readonly learned: string
  readonly bags: readonly (readonly (readonly number[])[])[]
}

type StreamReading = {
  readonly name: string
  /** The stream's own Shiryaev–Roberts statistics, frozen and learned, in rows. */
  readonly evidence: number
  /** Its part of the whole evidence; the shares sum to 1. */
  readonly share: number
}

export type DetectorReading = {
  /** Rows since the start or the last reset. */
  readonly rows: number
  /**
   * Half of the greatest of these: the mean of all streams' evidence against the frozen reference, and each stream's against
   * what it learned, divided by the number of streams. An alarm when it reaches `threshold`.
   */
  readonly family: number
  readonly threshold: number
  readonly perStream: readonly StreamReading[]
  readonly alarm: boolean
}

/** What a feature learns in one bucket: coins, and the tilts that bet on them. */
type Learned = { readonly coins: RankCoins; readonly tilts: TiltBank }

/** Watches every stream of a profile; mutable, made by `createDetector`. */
export type Detector = {
  readonly profile: Profile
  readonly threshold: number
  /** Bets against the frozen reference, for each bucket; the capital is one. */
  readonly banks: readonly Bank[]
  /** By bucket, then feature; the capital of a feature's tilts is one over all buckets. */
  readonly learned: readonly (readonly Learned[])[]
  readonly sampleSizes: readonly number[]
  readonly streams: readonly {
    readonly name: string
    readonly firstBet: number
    readonly regions: readonly (Region & { readonly endBet: number })[]
  }[]
  rows: number
}

/**
 * An anytime-valid change detector for all features of a profile at once (Shin, Ramdas & Rinaldo 2024, "E-detectors").
 *
 * Evidence is gathered against two nulls at once. Frozen: each feature is watched in its bins, in runs of bins from the left,
 * in its missing values and beyond its extremes; the true share of each lies in the exact interval of the finite reference,
 * widened by `tolerance`. With probability `referenceError` over the sample some interval misses; the threshold is raised by
 * that much. Learned: each row is ranked among those before it, which needs no reference and no interval (rank-coins.ts);
 * what is staked moves from the first to the second as rows come in.
 *
 * So over reference samples too the expected number of rows to a false alarm is at least `falseAlarmEveryRows`, when each row
 * falls in a region with a probability inside its interval, given the rows before it, and the rows are exchangeable, or, for
 * a tolerance above 0, differ from their own past by no more than the tolerance.
 *
 * Throws RangeError for a budget, tolerance, error or season that makes no sense, or a state of another profile.
 */
export function createDetector(options: DetectorOptions, state?: DetectorState): Detector {
  const { profile, falseAlarmEveryRows, tolerance = 0.01, referenceError = 0.05 } = options
  if (!(falseAlarmEveryRows >= 1)) throw new RangeError(`falseAlarmEveryRows must be at least 1, not ${falseAlarmEveryRows}`)
  if (!(tolerance >= 0 && tolerance < 1)) throw new RangeError(`tolerance is a share of rows from 0 to below 1, not ${tolerance}`)
  if (!(referenceError > 0 && referenceError < 1)) throw new RangeError(`referenceError lies between 0 and 1, not ${referenceError}`)
  const buckets = bucketsOf(profile, options.season)
  const regions = regionBets(profile, buckets, referenceError, tolerance)
  let endBet = 0
  const streams = profile.features.map(({ name }, f) => {
    const firstBet = endBet
    const own = regions[f]!.map(({ from, to, bets }) => {
      endBet += bets[0]!.length
      return { from, to, endBet }
    })
    return { name, firstBet, regions: own }
  })
  const capital = new Float32Array(endBet)
  const detector: Detector = {
    profile,
    threshold: falseAlarmEveryRows / (1 - referenceError),
    banks: buckets.map((_, b) =>
      createBank(
        regions.flatMap((list) => list.flatMap(({ bets }) => bets[b]!)),
        capital,
      ),
    ),
    learned: learnedFrom(profile, buckets, tolerance),
    sampleSizes: buckets.map(({ sampleSize }) => sampleSize),
    streams,
    rows: 0,
  }
  if (state) restoreDetector(detector, state)
  return detector
}

function learnedFrom(profile: Profile, buckets: readonly SeasonBucket[], tolerance: number): Learned[][] {
  const capitals = profile.features.map((): Float32Array | undefined => undefined)
  return buckets.map(({ sampleSize, features }, b) =>
    features.map((feature, f) => {
      const coins = createRankCoins(smoothedShares(feature, sampleSize), `${profile.features[f]!.name}/${b}`)
      const tilts = createTilts(coins.shares, tolerance, capitals[f])
      capitals[f] = tilts.capital
      return { coins, tilts }
    }),
  )
}

/** Missing values and the bins, each with half a row more, so that none is impossible. */
function smoothedShares({ expected, missing }: Pick<FeatureProfile, 'expected' | 'missing'>, sampleSize: number): number[] {
  return [missing, ...expected].map((share) => share * sampleSize + 0.5)
}

/** How a block enters: what is staked on it, settled before it is seen, and the bucket of the season that its rows fall in. */
export type BlockOptions = { readonly stake?: number; readonly bucket?: number }

/**
 * Adds the evidence of a block of rows, counted over the detector's profile. The stakes are what the budget counts: the rows
 * if not given, or for example the seconds since the block before. Throws RangeError for another profile, a negative stake or
 * a bucket that there is not.
 */
export function advanceDetector(detector: Detector, block: Sketch, { stake = block.rows, bucket = 0 }: BlockOptions = {}): DetectorReading {
  const { profile, streams } = detector
  const bank = detector.banks[bucket]
  const learned = detector.learned[bucket]
  if (block.profile !== profile && !isSameProfile(block.profile, profile))
    throw new RangeError('the block was counted over another profile than the detector watches')
  if (!bank || !learned) throw new RangeError(`the season has no bucket ${bucket}; it has ${detector.banks.length}, from 0`)
  if (!(stake >= 0 && stake < Number.POSITIVE_INFINITY)) throw new RangeError(`a stake must be a number from 0, not ${stake}`)
  detector.rows += block.rows
  const perStream = streams.map((stream, f) => {
    const { coins, tilts } = learned[f]!
    const bets = stream.regions.at(-1)!.endBet - stream.firstBet
    const onLearned = stake * (bets === 0 ? 1 : learnedShare(coins, detector.sampleSizes[bucket]!))
    let bet = stream.firstBet
    let total = 0
    for (const region of stream.regions) {
      total += playBlock(bank, bet, region.endBet, rowsIn(block, f, region.from, region.to), block.rows, stake - onLearned)
      bet = region.endBet
    }
    return {
      frozen: bets === 0 ? 0 : total / bets,
      learned: playTilts(tilts, tossBlock(coins, categoriesOf(block, f, coins.bag.length)), onLearned),
    }
  })
  return readingFrom(detector, perStream)
}

/** The counts of missing values and of each bin, as the coins take them. */
function categoriesOf(block: Sketch, feature: number, categories: number): Float64Array {
  const counts = new Float64Array(categories)
  counts[0] = rowsIn(block, feature, MISSING, MISSING)
  for (let bin = 0; bin < categories - 1; bin++) counts[bin + 1] = rowsIn(block, feature, bin, bin)
  return counts
}

function isSameProfile(one: Profile, other: Profile): boolean {
  const sameEdges = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((edge, i) => edge === b[i])
  const same = (a: FeatureProfile, b?: FeatureProfile) => b !== undefined && a.name === b.name && sameEdges(a.edges, b.edges)
  return one.features.length === other.features.length && one.features.every((feature, f) => same(feature, other.features[f]))
}

/**
 * The ranks of each feature are independent of their own past, not of what other features or the frozen bets have seen. So
 * what is learned is not added up over features: by Markov's inequality for each, and as the stakes sum to those of the
 * block, some of it reaches A within t rows with probability at most t/A, and the expected time is at least A/2.
 */
function readingFrom(detector: Detector, evidence: readonly { frozen: number; learned: number }[]): DetectorReading {
  const own = evidence.map(({ frozen, learned }) => frozen + learned)
  const sum = own.reduce((total, one) => total + one, 0)
  const frozen = evidence.reduce((total, one) => total + one.frozen, 0)
  const family = evidence.reduce((most, { learned }) => Math.max(most, learned), frozen) / evidence.length / 2
  return {
    rows: detector.rows,
    family,
    threshold: detector.threshold,
    perStream: own.map((one, f) => ({ name: detector.streams[f]!.name, evidence: one, share: sum > 0 ? one / sum : 0 })),
    alarm: family >= detector.threshold,
  }
}

/** Forgets all evidence, as after an alarm, but not what it has learned of normal: the next alarm is evidence from new rows. */
export function forgetEvidence(detector: Detector): void {
  detector.banks[0]!.capital.fill(0)
  for (const { tilts } of detector.learned[0]!) tilts.capital.fill(0)
  detector.rows = 0
}

/** Begins afresh, with the frozen reference alone. */
export function resetDetector(detector: Detector): void {
  forgetEvidence(detector)
  for (const bucket of detector.learned) for (const { coins } of bucket) emptyCoins(coins)
}

/** Puts a detector back to a state it, or another of the same profile, had. Throws RangeError for a state of another profile. */
export function restoreDetector(detector: Detector, state: DetectorState): void {
  if (!isDetectorState(detector, state)) throw new RangeError('the stored state belongs to another profile, season or version; reset it')
  capitalFromText(detector.banks[0]!.capital, state.capital)
  tiltsFromText(tiltsOf(detector), state.learned)
  detector.learned.forEach((bucket, b) => {
    bucket.forEach(({ coins }, f) => {
      fillCoins(coins, state.bags[b]![f])
    })
  })
  detector.rows = state.rows
}

export function detectorState(detector: Detector): DetectorState {
  return {
    rows: detector.rows,
    capital: capitalToText(detector.banks[0]!.capital),
    learned: tiltsToText(tiltsOf(detector)),
    bags: detector.learned.map((bucket) => bucket.map(({ coins }) => [...coins.bag])),
  }
}

function tiltsOf({ learned }: Detector): TiltBank[] {
  return learned[0]!.map(({ tilts }) => tilts)
}

/** Whether a stored value is a state of this detector; one of an older shape is not, and the detector begins afresh. */
export function isDetectorState(detector: Detector, state: unknown): state is DetectorState {
  const { rows, capital, learned, bags } = (state ?? {}) as Partial<DetectorState>
  const bets = detector.banks[0]!.capital.length
  const tilts = tiltsOf(detector).reduce((sum, bank) => sum + bank.capital.length, 0)
  return (
    Number.isSafeInteger(rows) &&
    holdsCapitals(capital, bets) &&
    holdsCapitals(learned, tilts) &&
    Array.isArray(bags) &&
    bags.length === detector.learned.length &&
    detector.learned.every((bucket, b) => bucket.every(({ coins }, f) => isBag(bags[b]?.[f], coins.bag.length)))
  )
}
