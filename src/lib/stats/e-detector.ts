import { exactInterval } from './distributions.ts'
import { type Bank, type Bet, betsAbove, betsBelow, capitalFromText, capitalToText, createBank, playBlock } from './evidence.ts'
import type { FeatureProfile, Profile } from './profile.ts'
import { ABOVE_MAX, BELOW_MIN, MISSING, rowsIn, type Sketch } from './sketch.ts'

export type DetectorOptions = {
  readonly profile: Profile
  /** The budget: the expected number of rows between false alarms, over all features together. */
  readonly falseAlarmEveryRows: number
  /** How far, as a share of rows, a bin may honestly move before it counts as drift. 0.01 if not given. */
  readonly tolerance?: number
  /** The probability, within the budget, that the finite reference sample misleads. 0.05 if not given. */
  readonly referenceError?: number
}

/** The state to keep between blocks and over a restart. */
export type DetectorState = { readonly rows: number; readonly capital: string }

type StreamReading = {
  readonly name: string
  /** The stream's own Shiryaev–Roberts statistic, in rows. */
  readonly evidence: number
  /** Its part of the whole evidence; the shares sum to 1. */
  readonly share: number
}

export type DetectorReading = {
  /** Rows since the start or the last reset. */
  readonly rows: number
  /** The mean of all streams' evidence; an alarm when it reaches `threshold`. */
  readonly family: number
  readonly threshold: number
  readonly perStream: readonly StreamReading[]
  readonly alarm: boolean
}

/** As `rowsIn` of a sketch takes it. */
type Region = { readonly from: number; readonly to: number }

/** Watches every stream of a profile; mutable, made by `createDetector`. */
export type Detector = {
  readonly profile: Profile
  readonly threshold: number
  readonly bank: Bank
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
 * Each feature is watched in its bins, in runs of bins from the left, in its missing values and beyond its extremes. The
 * null of each is composite: the true share lies in the exact interval of the finite reference, widened by `tolerance`,
 * so an estimated reference gives no false alarms however long the stream. With probability `referenceError` over the
 * sample some interval misses; the threshold is raised by that much, so that over reference samples too the expected
 * number of rows to a false alarm is at least `falseAlarmEveryRows`. It assumes that under no drift each row falls in a
 * region with a probability inside its interval, given the rows before it; rows need not be independent otherwise.
 *
 * Throws RangeError for a budget, tolerance or error that makes no sense, or a state of another profile.
 */
export function createDetector(options: DetectorOptions, state?: DetectorState): Detector {
  const { profile, falseAlarmEveryRows, tolerance = 0.01, referenceError = 0.05 } = options
  if (!(falseAlarmEveryRows >= 1)) throw new RangeError(`falseAlarmEveryRows must be at least 1, not ${falseAlarmEveryRows}`)
  if (!(tolerance >= 0 && tolerance < 1)) throw new RangeError(`tolerance is a share of rows from 0 to below 1, not ${tolerance}`)
  if (!(referenceError > 0 && referenceError < 1)) throw new RangeError(`referenceError lies between 0 and 1, not ${referenceError}`)
  const regions = profile.features.map(regionsOf)
  const sides = 2 * regions.reduce((total, list) => total + list.length, 0)
  const betsOn = boundedBets(profile.sampleSize, referenceError / sides, tolerance)
  const bets: Bet[] = []
  const streams = profile.features.map((feature, f) => {
    const firstBet = bets.length
    const own = regions[f]!.map((region) => {
      bets.push(...betsOn(shareOf(feature, region)))
      return { ...region, endBet: bets.length }
    })
    return { name: feature.name, firstBet, regions: own }
  })
  const detector: Detector = { profile, threshold: falseAlarmEveryRows / (1 - referenceError), bank: createBank(bets), streams, rows: 0 }
  if (state) restoreDetector(detector, state)
  return detector
}

function regionsOf({ expected }: FeatureProfile): Region[] {
  const bins = expected.length
  const single = expected.map((_, bin) => ({ from: bin, to: bin }))
  const leading = Array.from({ length: Math.max(0, bins - 3) }, (_, i) => ({ from: 0, to: i + 1 }))
  const outside = [MISSING, BELOW_MIN, ABOVE_MAX].map((kind) => ({ from: kind, to: kind }))
  return [...(bins > 1 ? single : []), ...leading, ...outside]
}

function shareOf(feature: FeatureProfile, { from, to }: Region): number {
  if (from === MISSING) return feature.missing
  if (from < 0) return 0
  let share = 0
  for (let bin = from; bin <= to; bin++) share += feature.expected[bin]!
  return share
}

/** The bets on a region with a given reference share; regions with the same count share one computation. */
function boundedBets(sampleSize: number, sideError: number, tolerance: number): (share: number) => Bet[] {
  const known = new Map<number, Bet[]>()
  return (share) => {
    const hits = Math.min(sampleSize, Math.round(share * sampleSize))
    const found = known.get(hits)
    if (found) return found
    const { low, high } = exactInterval(hits, sampleSize, sideError)
    const bets = [...betsAbove(high + tolerance), ...betsBelow(low - tolerance)]
    known.set(hits, bets)
    return bets
  }
}

/** Adds the evidence of a block of rows, counted over the detector's profile. Throws RangeError for another profile. */
export function advanceDetector(detector: Detector, block: Sketch): DetectorReading {
  const { profile, bank, streams } = detector
  if (block.profile !== profile && !isSameProfile(block.profile, profile))
    throw new RangeError('the block was counted over another profile than the detector watches')
  detector.rows += block.rows
  const evidence = streams.map((stream, f) => {
    let bet = stream.firstBet
    let total = 0
    for (const region of stream.regions) {
      total += playBlock(bank, bet, region.endBet, rowsIn(block, f, region.from, region.to), block.rows)
      bet = region.endBet
    }
    return bet > stream.firstBet ? total / (bet - stream.firstBet) : 0
  })
  return readingFrom(detector, evidence)
}

function isSameProfile(one: Profile, other: Profile): boolean {
  const sameEdges = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((edge, i) => edge === b[i])
  const same = (a: FeatureProfile, b?: FeatureProfile) => b !== undefined && a.name === b.name && sameEdges(a.edges, b.edges)
  return one.features.length === other.features.length && one.features.every((feature, f) => same(feature, other.features[f]))
}

function readingFrom(detector: Detector, evidence: readonly number[]): DetectorReading {
  const sum = evidence.reduce((total, one) => total + one, 0)
  const family = evidence.length > 0 ? sum / evidence.length : 0
  return {
    rows: detector.rows,
    family,
    threshold: detector.threshold,
    perStream: evidence.map((own, f) => ({ name: detector.streams[f]!.name, evidence: own, share: sum > 0 ? own / sum : 0 })),
    alarm: family >= detector.threshold,
  }
}

/** Forgets all evidence, as after an alarm that was dealt with. */
export function resetDetector(detector: Detector): void {
  detector.bank.capital.fill(0)
  detector.rows = 0
}

/** Puts a detector back to a state it, or another of the same profile, had. Throws RangeError for a state of another profile. */
export function restoreDetector(detector: Detector, state: DetectorState): void {
  capitalFromText(detector.bank.capital, state.capital)
  detector.rows = state.rows
}

export function detectorState(detector: Detector): DetectorState {
  return { rows: detector.rows, capital: capitalToText(detector.bank.capital) }
}
