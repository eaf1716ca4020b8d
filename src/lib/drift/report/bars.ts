import { frameCounts } from '../profile/frame-counts.ts'
import { ranksOf } from '../profile/quantiles.ts'
import type { CategoryColumn, ColumnProfile, NumericColumn, TableProfile } from '../profile/table-profile.ts'

/** The rows of both sides over the same bars; the last bar of a feature is for what is missing. */
export type Bars = { readonly names: readonly string[]; readonly reference: readonly number[]; readonly current: readonly number[] }

/** Names of a category that get a bar of their own, by their rows in the reference; the rest share one. */
const MOST_NAMES = 30
const NEW = 'not in the reference'
const OTHER = 'all others'
export const MISSING = 'missing'
/** With no more edges whole numbers have a bin each. */
const MOST_FEW_EDGES = 10
const BELOW = 'below the reference'
const ABOVE = 'above the reference'

/**
 * A numeric column over the reference’s frozen bins, and where the reference has few values rows beyond its range in bars of their own:
 * a reference of one value has a single bin, which holds every other value too. `undefined` where the current side cannot be counted over the bins.
 */
export function numericBars(reference: NumericColumn, current: NumericColumn, profile: TableProfile): Bars | undefined {
  const counted = frameCounts(current, reference.frame, profile)
  if (counted === undefined) return undefined
  const { below, above } = outsideOf(reference, current)
  const inside = counted.map((count, bin) => count - (bin === 0 ? below : 0) - (bin === counted.length - 1 ? above : 0))
  const [lowest, highest] = [below > 0 ? [below] : [], above > 0 ? [above] : []]
  const none = (rows: readonly number[]) => rows.map(() => 0)
  return {
    names: [...lowest.map(() => BELOW), ...binNames(reference.frame.edges), ...highest.map(() => ABOVE), MISSING],
    reference: [...none(lowest), ...reference.counts, ...none(highest), reference.missing],
    current: [...lowest, ...inside, ...highest, current.missing],
  }
}

/** Rows beyond the least and the greatest value of the reference; none where that cannot be known. */
function outsideOf(reference: NumericColumn, current: NumericColumn): NumericColumn['outside'] {
  const nobody = { below: 0, above: 0 }
  const { min, max } = reference
  const edges = reference.frame.edges.length
  // Among many values the outermost bins say enough, and both sides show the same bars when they are swapped.
  if (edges > 0 && !(edges <= MOST_FEW_EDGES && reference.wholeNumbers)) return nobody
  const rows = current.counts.reduce((sum, count) => sum + count, 0)
  if (min === null || max === null || current.min === null || current.max === null || rows === 0) return nobody
  if (current.min >= min && current.max <= max) return nobody
  const { frame, outside, quantiles } = current
  if (frame.min === min && frame.max === max && frame.edges.length === edges) return outside
  if (current.max < min) return { below: rows, above: 0 }
  if (current.min > max) return { below: 0, above: rows }
  if (!quantiles || current.counts.length < 2) return nobody
  const [upToMax] = ranksOf(quantiles, [max])
  const below = quantiles.levels.reduce((sum, values, level) => sum + values.filter((value) => value < min).length * 2 ** level, 0)
  // By the same ranks as the bins, so that no bin can fall below nothing.
  const above = rows - Math.round(upToMax! * rows)
  return { below: edges === 0 ? Math.min(below, rows - above) : below, above }
}

function binNames(edges: readonly number[]): string[] {
  if (edges.length === 0) return ['any value']
  const inner = edges.slice(1).map((edge, i) => `${shortNumber(edges[i]!)} – ${shortNumber(edge)}`)
  return [`≤ ${shortNumber(edges[0]!)}`, ...inner, `> ${shortNumber(edges.at(-1)!)}`]
}

/** The names of the reference, those that only the current side has in one bar, and what neither counts by name. */
export function categoryBars(reference: CategoryColumn, current: CategoryColumn): Bars {
  const now = new Map(current.values)
  const named = reference.values.slice(0, MOST_NAMES)
  const rest = reference.values.slice(MOST_NAMES)
  const sum = (rows: readonly (readonly [string, number])[]) => rows.reduce((total, [, count]) => total + count, 0)
  const known = new Set(reference.values.map(([value]) => value))
  // A name the reference may have dropped for want of room is not called new.
  const unknown = sum(current.values.filter(([value]) => !known.has(value)))
  const isNew = reference.other === 0
  const others = rest.reduce((total, [value]) => total + (now.get(value) ?? 0), 0) + current.other + (isNew ? 0 : unknown)
  return {
    names: [...named.map(([value]) => value), NEW, OTHER, MISSING],
    reference: [...named.map(([, count]) => count), 0, sum(rest) + reference.other, reference.missing],
    current: [...named.map(([value]) => now.get(value) ?? 0), isNew ? unknown : 0, others, current.missing],
  }
}

/** The same bars without those that are empty on both sides. */
export function withoutEmpty({ names, reference, current }: Bars): Bars {
  const kept = names.flatMap((_, bar) => (reference[bar]! + current[bar]! > 0 ? [bar] : []))
  return {
    names: kept.map((bar) => names[bar]!),
    reference: kept.map((bar) => reference[bar]!),
    current: kept.map((bar) => current[bar]!),
  }
}

/** The same bars without that for missing values, as for labels that have not come yet. */
export function withoutMissing({ names, reference, current }: Bars): Bars {
  return { names: names.slice(0, -1), reference: reference.slice(0, -1), current: current.slice(0, -1) }
}

/** Whether a column is judged at all: names that never come twice, and columns without values, say nothing. */
export function isComparable({ kind }: ColumnProfile): boolean {
  return kind !== 'identifier' && kind !== 'empty'
}

function shortNumber(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
