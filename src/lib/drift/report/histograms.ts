import { chiSquaredTail } from '../../stats/distributions.ts'
import { criticalPsi } from '../two-sample/count-tests.ts'
import { kullbackLeiblerOf, psiOf } from '../two-sample/divergences.ts'
import type { DriftSeverity } from './report.ts'

/** For each feature its probabilities, or its rows, by bin. */
export type Histograms = ReadonlyMap<string, readonly number[]>

type HistogramResult = {
  readonly feature: string
  /** null where the feature cannot be compared. */
  readonly psi: number | null
  /** KL(current ‖ reference), in nats. */
  readonly kl_divergence: number | null
  readonly severity: DriftSeverity
  readonly exceeds_threshold: boolean
  /** The PSI that chance exceeds with probability alpha at these sizes; null for probabilities, whose rows nobody knows. */
  readonly calibrated_threshold: number | null
  readonly p_value: number | null
  readonly comparable: boolean
  readonly reason: string
}

/** What the simple form comes to: the fields that others read, and ours beside them. Plain data. */
export type HistogramReport = {
  readonly baseline: string
  readonly current: string
  readonly threshold: number
  readonly features_checked: number
  readonly features_exceeded: number
  readonly results: readonly HistogramResult[]
  readonly verdict: 'stable' | 'drift' | 'not_comparable'
  readonly reason: string
  readonly alpha: number
}

export type HistogramOptions = {
  readonly names: { readonly baseline: string; readonly current: string }
  /** PSI above this is drift. */
  readonly threshold: number
  readonly alpha: number
}

/** Probabilities are smoothed as though so many rows had made them. */
const ASSUMED_ROWS = 1_000
/** How far probabilities may miss 1 by rounding. */
const SUM_SLACK = 0.005

/**
 * The histograms of a simple JSON file: an object of feature → probabilities or rows by bin, or one list, which is the feature “all”.
 * Throws RangeError, naming the feature, for anything else: an empty list, a negative number, probabilities that do not add up to 1.
 */
export function histogramsFrom(value: unknown): Map<string, readonly number[]> {
  if (Array.isArray(value)) return new Map([['all', checkedBins('all', value)]])
  if (typeof value !== 'object' || value === null) throw new RangeError('an object of feature → probabilities is needed, or one list')
  const entries = Object.entries(value)
  if (entries.length === 0) throw new RangeError('there is no feature')
  return new Map(entries.map(([feature, bins]) => [feature, checkedBins(feature, bins)]))
}

function checkedBins(feature: string, bins: unknown): readonly number[] {
  if (!Array.isArray(bins) || bins.length < 2) throw new RangeError(`feature ${feature} needs a list of two bins or more`)
  for (const bin of bins)
    if (typeof bin !== 'number' || !Number.isFinite(bin) || bin < 0)
      throw new RangeError(`feature ${feature} holds ${JSON.stringify(bin)}; a bin is a probability or a count, 0 or more`)
  const sum = (bins as number[]).reduce((total, bin) => total + bin, 0)
  if (sum === 0) throw new RangeError(`feature ${feature} has no row in any bin`)
  if (!areCounts(bins) && Math.abs(sum - 1) > SUM_SLACK)
    throw new RangeError(
      `the probabilities of feature ${feature} add up to ${Number(sum.toPrecision(4))}, not to 1, and they are no counts`,
    )
  return bins
}

/** Whole numbers that add up to more than 1 are rows. */
function areCounts(bins: readonly number[]): boolean {
  return bins.every(Number.isInteger) && bins.reduce((sum, bin) => sum + bin, 0) > 1
}

/**
 * PSI and Kullback–Leibler of each feature over its bins, 0.5 rows added to every bin: probabilities count as 1,000 rows, so that one
 * emptied bin of a percent is no alarm by itself. A feature that is gone counts as exceeded, another number of bins makes the whole
 * not comparable: neither passes. With counts on both sides the threshold that chance reaches is told beside the one given.
 */
export function compareHistograms(baseline: Histograms, current: Histograms, options: HistogramOptions): HistogramReport {
  const { names, threshold, alpha } = options
  if (!(threshold >= 0)) throw new RangeError(`a threshold is a number ≥ 0, not ${threshold}`)
  const results = [...baseline].map(([feature, bins]) => resultFor(feature, bins, current.get(feature), options))
  const exceeded = results.filter(({ exceeds_threshold }) => exceeds_threshold)
  const odd = results.filter(({ comparable }) => !comparable)
  const fresh = [...current.keys()].filter((feature) => !baseline.has(feature))
  const aside = fresh.length > 0 ? `; not in the baseline: ${fresh.join(', ')}` : ''
  const reason =
    odd.length > 0
      ? odd.map(({ feature, reason: why }) => `${feature}: ${why}`).join('; ')
      : exceeded.length > 0
        ? `${exceeded.length} of ${results.length} features exceed ${threshold}: ${exceeded.map(({ feature }) => feature).join(', ')}`
        : `none of ${results.length} features exceeds ${threshold}`
  return {
    ...names,
    threshold,
    features_checked: results.length,
    features_exceeded: exceeded.length,
    results: results.sort((a, b) => (b.psi ?? Number.POSITIVE_INFINITY) - (a.psi ?? Number.POSITIVE_INFINITY)),
    verdict: odd.length > 0 ? 'not_comparable' : exceeded.length > 0 ? 'drift' : 'stable',
    reason: reason + aside,
    alpha,
  }
}

function resultFor(
  feature: string,
  baseline: readonly number[],
  current: readonly number[] | undefined,
  { threshold, alpha }: HistogramOptions,
): HistogramResult {
  const never = {
    feature,
    psi: null,
    kl_divergence: null,
    severity: 'severe',
    exceeds_threshold: true,
    calibrated_threshold: null,
    p_value: null,
  } as const
  if (!current) return { ...never, comparable: true, reason: 'the current file has no such feature' }
  if (current.length !== baseline.length)
    return { ...never, comparable: false, reason: `${current.length} bins, the baseline has ${baseline.length}` }
  const [before, after] = [rowsOf(baseline), rowsOf(current)]
  const psi = psiOf(before, after)
  const exceeds = psi > threshold
  const counted = areCounts(baseline) && areCounts(current)
  const [n, m] = [sumOf(before), sumOf(after)]
  const used = baseline.filter((bin, i) => bin + current[i]! > 0).length
  const known = counted && used > 1
  const calibrated = known ? criticalPsi({ referenceRows: n, currentRows: m, bins: used, alpha }) : null
  const text = `PSI ${shown(psi)} is ${exceeds ? 'above' : 'at most'} ${threshold}`
  const beside =
    calibrated === null
      ? ''
      : psi > calibrated
        ? `; chance makes ${shown(calibrated)} at most`
        : `; chance alone makes up to ${shown(calibrated)} at these sizes`
  return {
    feature,
    psi,
    kl_divergence: kullbackLeiblerOf(before, after),
    severity: psi > 0.3 ? 'severe' : psi > 0.2 ? 'moderate' : psi >= 0.1 ? 'minor' : 'none',
    exceeds_threshold: exceeds,
    calibrated_threshold: calibrated,
    p_value: known ? chiSquaredTail((psi * n * m) / (n + m), used - 1) : null,
    comparable: true,
    reason: text + beside,
  }
}

function rowsOf(bins: readonly number[]): readonly number[] {
  const sum = sumOf(bins)
  return areCounts(bins) ? bins : bins.map((bin) => (bin / sum) * ASSUMED_ROWS)
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function shown(value: number): string {
  return Number(value.toPrecision(3)).toString()
}
