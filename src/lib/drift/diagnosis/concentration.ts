import { binOf, type FeatureProfile } from '../profile/profile.ts'

/** Total variation distance, 0 to 1, between the values and the profile they are held against. */
export function distanceFrom(feature: FeatureProfile, values: readonly number[]): number {
  if (values.length === 0) return 0
  // The place after the last bin is for values that are missing.
  const counts = new Array<number>(feature.edges.length + 2).fill(0)
  for (const value of values) counts[Number.isFinite(value) ? binOf(feature.edges, value) : feature.edges.length + 1]! += 1
  return counts.reduce((sum, count, bin) => sum + Math.abs(count / values.length - (feature.expected[bin] ?? feature.missing)), 0) / 2
}

export type Concentration = {
  /** Part of the shift, 0 to 1, that goes away when these groups’ rows are taken out. */
  readonly explained: number
  readonly groups: readonly string[]
  /** Their part of the rows. */
  readonly rowShare: number
}

const ENOUGH = 0.9

/**
 * How far a shift is the work of a few. Groups (actors, sources) are ranked by their number of rows; the rows of the
 * first are taken out, and the distances of the shifted features from the profile are compared with and without them,
 * each less the distance that a sample of that size shows by chance. Of the first 1, 2, 4, … up to `most` groups the
 * smallest number is named that explains nine tenths of what `most` would.
 */
export function concentrationOf(input: {
  features: readonly { profile: FeatureProfile; values: readonly number[] }[]
  groups: readonly string[]
  most: number
}): Concentration {
  const counts = new Map<string, number>()
  for (const group of input.groups) counts.set(group, (counts.get(group) ?? 0) + 1)
  const ranked = [...counts].filter(([group]) => group !== '').sort((a, b) => b[1] - a[1])
  const names = ranked.slice(0, input.most).map(([group]) => group)
  const all = shiftOf(input.features, undefined)
  const explainedBy = (count: number) => {
    const kept = input.groups.flatMap((group, row) => (names.indexOf(group) >= 0 && names.indexOf(group) < count ? [] : [row]))
    return { explained: all === 0 ? 0 : Math.max(0, Math.min(1, 1 - shiftOf(input.features, kept) / all)), kept: kept.length }
  }
  const whole = explainedBy(names.length)
  let count = Math.min(1, names.length)
  let part = explainedBy(count)
  while (count < names.length && part.explained < ENOUGH * whole.explained) {
    count = Math.min(names.length, count * 2)
    part = explainedBy(count)
  }
  return {
    explained: part.explained,
    groups: names.slice(0, count),
    rowShare: input.groups.length === 0 ? 0 : 1 - part.kept / input.groups.length,
  }
}

/** Sum of the features’ distances from their profiles, over all rows or those kept, less what chance alone shows. */
function shiftOf(features: readonly { profile: FeatureProfile; values: readonly number[] }[], kept: readonly number[] | undefined): number {
  return features.reduce((sum, { profile, values }) => {
    const own = kept ? kept.map((row) => values[row]!) : values
    return sum + Math.max(0, distanceFrom(profile, own) - chanceDistance(profile, own.length))
  }, 0)
}

/** Expected total variation distance of `rows` rows drawn from the profile itself: half the sum of E|p̂ − p| ≈ √(2p(1−p)/(πn)). */
function chanceDistance({ expected, missing }: FeatureProfile, rows: number): number {
  if (rows === 0) return 1
  return [...expected, missing].reduce((sum, p) => sum + Math.sqrt((2 * p * (1 - p)) / (Math.PI * rows)), 0) / 2
}
