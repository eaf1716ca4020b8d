import type { Columns } from '../estimation/boosted-trees.ts'

/** What speaks for one attack by one actor or label source. */
export type AttackFinding = {
  readonly attack: 'poisoning' | 'evasion' | 'extraction'
  /** The actor, or for poisoning the source of labels. */
  readonly by: string
  readonly rows: number
  /** What was measured, each with its p-value before correction; `excess` is its size over everybody else's. */
  readonly signs: readonly { readonly name: string; readonly excess: number; readonly pValue: number }[]
  /** Adjusted over signs and over everybody looked at. */
  readonly adjustedP: number
  readonly text: string
}

/** Actors and sources with fewer rows than this are not judged. */
export const LEAST_ACTOR_ROWS = 20

/** Rows by name; rows without a name belong to nobody. */
export function rowsByName(names: readonly string[]): Map<string, number[]> {
  const found = Map.groupBy(
    names.map((_, row) => row),
    (row) => names[row]!,
  )
  found.delete('')
  return found
}

/** Columns brought to mean 0 and deviation 1 of the reference, missing at 0. */
export function standardised(columns: Columns, reference: Columns): Float64Array[] {
  return columns.map((column, f) => {
    const known = Float64Array.from(reference[f]!).filter(Number.isFinite)
    const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length)
    const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, known.length))
    return Float64Array.from(column, (value) => (Number.isFinite(value) ? (value - mean) / (deviation > 0 ? deviation : 1) : 0))
  })
}

/**
 * For each row the key of the cell it falls in, when every standardised feature is cut into cells of `width` deviations: rows
 * of one cell are near-duplicates. Near-duplicates on two sides of a cut are missed, which costs power and not error.
 */
export function cellKeys(columns: Columns, width: number): string[] {
  return Array.from({ length: columns[0]?.length ?? 0 }, (_, row) => columns.map((column) => Math.round(column[row]! / width)).join(','))
}
