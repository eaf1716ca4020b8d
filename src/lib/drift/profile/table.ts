/**
 * What the values of a column are: numbers; a few names; prose; names that hardly ever come twice, which say nothing about
 * drift; or nothing at all.
 */
export type ColumnKind = 'numeric' | 'category' | 'text' | 'identifier' | 'empty'

/** Numbers, NaN where one is missing; or texts, null where one is missing. */
export type ColumnValues = Float64Array | readonly (string | null)[]

/** Some rows of a table, column by column; every column is as long as `rows`. */
export type TableChunk = { readonly rows: number; readonly columns: readonly ColumnValues[] }

/** The columns of a table, in their order. */
export type ColumnHead = { readonly name: string; readonly kind: ColumnKind }

/** A value of a sample as it is written to JSON: a missing one is null. */
export type SampledValue = number | string | null

/** Distinct texts from which on a column of short, hardly repeated ones is taken for identifiers. */
const LEAST_IDENTIFIERS = 20
const IDENTIFIER_SHARE = 0.9
/** Words per value, on average, from which on a column is prose. */
const PROSE_WORDS = 3

/**
 * What a column of texts is, from its first values: numbers where every value present reads as one, prose where values have
 * three words or more on average, identifiers where nine tenths of 20 or more never come twice, else a category.
 */
export function kindOf(values: readonly (string | null)[]): ColumnKind {
  const present = values.filter((value): value is string => value !== null && value.trim() !== '')
  if (present.length === 0) return 'empty'
  if (present.every((value) => !Number.isNaN(numberFrom(value)))) return 'numeric'
  const words = present.reduce((sum, value) => sum + value.trim().split(/\s+/).length, 0)
  if (words / present.length >= PROSE_WORDS) return 'text'
  const distinct = new Set(present).size
  return present.length >= LEAST_IDENTIFIERS && distinct >= IDENTIFIER_SHARE * present.length ? 'identifier' : 'category'
}

/** The number a text stands for; booleans are 0 and 1, and what is no finite number is NaN. */
export function numberFrom(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '') return Number.NaN
  if (/^true$/i.test(trimmed)) return 1
  if (/^false$/i.test(trimmed)) return 0
  const value = Number(trimmed)
  return Number.isFinite(value) && !/^0[xob]/i.test(trimmed) ? value : Number.NaN
}
