import { type ColumnKind, kindOf, numberFrom } from '../../lib/drift/profile/table.ts'
import type { Cell } from './row-chunks.ts'

/** What stands for nothing in a column of numbers; in a column of names “NA” may be Namibia. */
const NO_NUMBER = /^(nan|null|na|n\/a|none|nil|\?|-+)$/i
/** A day, with or without a time of day. */
const TIME = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?)?$/
/** Share of numbers from which on the rest of a column is taken for unreadable ones. */
const MOSTLY_NUMBERS = 0.95
const LEAST_NUMBERS = 20

/** A cell of a numeric column: NaN where it is missing; undefined where it is there but no number. */
export function numberOf(cell: Cell): number | undefined {
  if (cell === null) return Number.NaN
  const first = cell.charCodeAt(0)
  // Most cells are plain decimals: they need no pattern.
  if ((first >= 0x31 && first <= 0x39) || first === 0x2d) {
    const value = Number(cell)
    if (value - value === 0) return value
  }
  const value = numberFrom(cell)
  if (!Number.isNaN(value)) return value
  return cell.trim() === '' || NO_NUMBER.test(cell.trim()) ? Number.NaN : undefined
}

/**
 * What a column of cells is, from a sample of them, as `kindOf` says, but: what stands for a missing number is no name; a few odd cells
 * among numbers are unreadable ones; texts of several words of which most come again are names; times say nothing about drift.
 */
export function columnKindOf(cells: readonly Cell[]): ColumnKind {
  const present = cells.filter((cell): cell is string => cell !== null && cell.trim() !== '')
  if (present.length === 0) return 'empty'
  const numbers = present.map(numberOf)
  const read = numbers.filter((value) => value !== undefined && !Number.isNaN(value))
  const odd = numbers.filter((value) => value === undefined).length
  if (odd === 0 && read.length > 0) return 'numeric'
  if (read.length >= LEAST_NUMBERS && read.length >= MOSTLY_NUMBERS * present.length && new Set(read).size > LEAST_NUMBERS) return 'numeric'
  if (present.every((cell) => TIME.test(cell.trim()))) return 'identifier'
  const kind = kindOf(present)
  return kind === 'text' && present.length >= LEAST_NUMBERS && new Set(present).size <= present.length / 2 ? 'category' : kind
}
