import { binOf, type FeatureProfile } from './profile.ts'
import { ranksOf } from './quantiles.ts'
import { sampledNumbers } from './row-sample.ts'
import type { NumericColumn, TableProfile } from './table-profile.ts'

/**
 * The rows of a numeric column over the bins of `frame`: exact where it was counted over them, else from its quantile sketch, else from
 * the sample of rows; undefined where there is none of the three. Whole numbers that add up to the rows that are not missing.
 */
export function frameCounts(column: NumericColumn, frame: FeatureProfile, profile: TableProfile): readonly number[] | undefined {
  if (haveSameEdges(column.frame, frame)) return column.counts
  const rows = column.counts.reduce((sum, count) => sum + count, 0)
  if (rows === 0) return new Array<number>(frame.edges.length + 1).fill(0)
  if (column.quantiles) return wholeParts([...ranksOf(column.quantiles, frame.edges), 1], rows)
  const values = sampledNumbers(profile.sample, profile.columns.indexOf(column)).filter(Number.isFinite)
  if (values.length === 0) return undefined
  const counts = new Array<number>(frame.edges.length + 1).fill(0)
  for (const value of values) counts[binOf(frame.edges, value)]!++
  const ranks: number[] = []
  for (const count of counts) ranks.push((ranks.at(-1) ?? 0) + count / values.length)
  return wholeParts(ranks, rows)
}

function haveSameEdges(one: FeatureProfile, other: FeatureProfile): boolean {
  return one.edges.length === other.edges.length && one.edges.every((edge, i) => edge === other.edges[i])
}

/** Whole rows from ascending ranks of which the last is about 1. */
function wholeParts(ranks: readonly number[], rows: number): number[] {
  const upTo = ranks.map((rank) => Math.round(rank * rows))
  return upTo.map((count, i) => count - (upTo[i - 1] ?? 0))
}
