import { exactInterval } from '../../stats/distributions.ts'
import type { FeatureProfile, Profile } from '../profile/profile.ts'
import { ABOVE_MAX, BELOW_MIN, MISSING } from '../profile/sketch.ts'
import { type Bet, betsAbove, betsBelow, RESTING } from './evidence.ts'

/** As `rowsIn` of a sketch takes it. */
export type Region = { readonly from: number; readonly to: number }

/** The counts of the reference in one part of a cycle, over the bins of the profile. */
export type SeasonBucket = {
  readonly sampleSize: number
  readonly features: readonly Pick<FeatureProfile, 'expected' | 'missing'>[]
}

/** The bets on one region, for each bucket of the season; as many in each. */
export type RegionBets = Region & { readonly bets: readonly (readonly Bet[])[] }

/** Both sides of a region, with the alternatives of each. */
type Sides = { readonly above: readonly Bet[]; readonly below: readonly Bet[] }

/** The reference as a season of one bucket, or the season given. Throws RangeError for counts that do not fit the profile. */
export function bucketsOf(profile: Profile, season?: readonly SeasonBucket[]): readonly SeasonBucket[] {
  if (!season) return [profile]
  const fits = (bucket: SeasonBucket) =>
    bucket.sampleSize >= 1 &&
    bucket.features.length === profile.features.length &&
    bucket.features.every(({ expected }, f) => expected.length === profile.features[f]!.expected.length)
  if (season.length === 0 || !season.every(fits))
    throw new RangeError('a season needs at least one bucket, each with rows and with counts over the bins of the profile')
  return season
}

/**
 * What is watched of every feature, with the bets on it: each bin, each run of bins from the left, missing values, and values
 * beyond the extremes. The bounds of a region in a bucket are the ends of its exact interval, widened by the tolerance; all
 * sides of all buckets share the error.
 */
export function regionBets(
  profile: Profile,
  buckets: readonly SeasonBucket[],
  referenceError: number,
  tolerance: number,
): readonly (readonly RegionBets[])[] {
  const regions = profile.features.map(regionsOf)
  const sides = 2 * buckets.length * regions.reduce((total, list) => total + list.length, 0)
  const sidesIn = buckets.map(({ sampleSize }) => boundedSides(sampleSize, referenceError / sides, tolerance))
  return regions.map((list, f) =>
    list.map((region) => {
      const perBucket = buckets.map((bucket, b) => sidesIn[b]!(shareOf(bucket.features[f]!, region)))
      return { ...region, bets: aligned(perBucket) }
    }),
  )
}

/** A side that no bucket can bet on is left out; where only some can, the bets of the others rest. */
function aligned(perBucket: readonly Sides[]): readonly (readonly Bet[])[] {
  const most = (side: keyof Sides) => Math.max(...perBucket.map((sides) => sides[side].length))
  const [above, below] = [most('above'), most('below')]
  const padded = (bets: readonly Bet[], length: number) => (bets.length > 0 ? bets : Array.from({ length }, () => RESTING))
  return perBucket.map((sides) => [...padded(sides.above, above), ...padded(sides.below, below)])
}

function regionsOf({ expected }: FeatureProfile): Region[] {
  const bins = expected.length
  const single = expected.map((_, bin) => ({ from: bin, to: bin }))
  const leading = Array.from({ length: Math.max(0, bins - 3) }, (_, i) => ({ from: 0, to: i + 1 }))
  const outside = [MISSING, BELOW_MIN, ABOVE_MAX].map((kind) => ({ from: kind, to: kind }))
  return [...(bins > 1 ? single : []), ...leading, ...outside]
}

function shareOf(feature: Pick<FeatureProfile, 'expected' | 'missing'>, { from, to }: Region): number {
  if (from === MISSING) return feature.missing
  if (from < 0) return 0
  let share = 0
  for (let bin = from; bin <= to; bin++) share += feature.expected[bin]!
  return share
}

/** The bets on a region with a given reference share; regions with the same count share one computation. */
function boundedSides(sampleSize: number, sideError: number, tolerance: number): (share: number) => Sides {
  const known = new Map<number, Sides>()
  return (share) => {
    const hits = Math.min(sampleSize, Math.round(share * sampleSize))
    const found = known.get(hits)
    if (found) return found
    const { low, high } = exactInterval(hits, sampleSize, sideError)
    const sides = { above: betsAbove(high + tolerance), below: betsBelow(low - tolerance) }
    known.set(hits, sides)
    return sides
  }
}
