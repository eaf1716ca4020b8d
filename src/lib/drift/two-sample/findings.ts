import { countCategories } from './count-pairs.ts'
import { fisherExactTest } from './fisher-exact.ts'

type FindingKind =
  | 'missing_share'
  | 'new_category'
  | 'vanished_category'
  | 'below_range'
  | 'above_range'
  | 'type_change'
  | 'fractions'
  | 'constant'
  | 'new_column'
  | 'vanished_column'

/** Something about a column that is not as it was, in a form that needs no statistics to act on. Plain data. */
export type Finding = {
  readonly kind: FindingKind
  readonly feature: string
  /** The share of the current rows concerned; of the reference's rows for what vanished. */
  readonly share: number
  /** How probable this, or more of it, is by chance when nothing changed; null where chance plays no part. */
  readonly pValue: number | null
  readonly text: string
}

export type FindingOptions = {
  /** Findings that chance explains with a greater probability than this are left out; new categories and types are always told. 0.01 if not given. */
  readonly alpha?: number
}

/** More new categories than this are told as one. */
const MOST_NAMED = 20

type Column = { readonly feature: string; readonly reference: readonly unknown[]; readonly current: readonly unknown[] }
type ValueType = 'number' | 'text' | 'boolean' | 'structure'

/**
 * All findings about one column of raw values: its missing share, its types, and then, by the reference's commonest type, what
 * `numericFindings` or `categoryFindings` say. `null`, `undefined`, the empty text and NaN are missing.
 */
export function columnFindings(column: Column, options: FindingOptions = {}): Finding[] {
  const [before, after] = [presentOf(column.reference), presentOf(column.current)]
  const missing = missingFinding(column.feature, column.reference.length, before.length, column.current.length, after.length, options)
  const kept = { feature: column.feature, reference: before, current: after }
  const commonest = commonestType(before)
  const valuesOf = (values: readonly unknown[]) => values.filter((value) => typeOf(value) === commonest)
  const [first, second] = [valuesOf(before), valuesOf(after)]
  const own =
    commonest === 'number'
      ? numericFindings({ feature: column.feature, reference: first.map(Number), current: second.map(Number) }, options)
      : categoryFindings({ feature: column.feature, reference: first.map(String), current: second.map(String) }, options)
  return [...missing, ...typeFindings(kept), ...(commonest === 'structure' ? [] : own)]
}

/** Columns that came or went. */
export function schemaFindings(reference: readonly string[], current: readonly string[]): Finding[] {
  const gone = reference.filter((name) => !current.includes(name))
  const come = current.filter((name) => !reference.includes(name))
  return [
    ...gone.map((feature) => finding('vanished_column', feature, 1, null, 'the column is gone')),
    ...come.map((feature) => finding('new_column', feature, 1, null, 'the reference has no such column')),
  ]
}

/** Whether the share of missing values changed, by Fisher's exact test. `…Present` are the rows that have a value. */
export function missingFinding(
  feature: string,
  referenceRows: number,
  referencePresent: number,
  currentRows: number,
  currentPresent: number,
  { alpha = 0.01 }: FindingOptions = {},
): Finding[] {
  const [before, after] = [referenceRows - referencePresent, currentRows - currentPresent]
  const outcome = fisherExactTest([referencePresent, before], [currentPresent, after])
  if ('insufficient' in outcome || outcome.pValue === null || outcome.pValue > alpha) return []
  const share = after / currentRows
  const text = `${percent(share)} of the values are missing, ${percent(before / referenceRows)} in the reference`
  return [finding('missing_share', feature, share, outcome.pValue, text)]
}

/**
 * Values below or above all of the reference, fractions where the reference had whole numbers only, and a column that became
 * constant. Values that are not finite numbers are left out. What the reference never showed is judged by an exact
 * argument that needs no distribution: all rows exchangeable, the k of n + m rows concerned all fell among the m current ones.
 */
export function numericFindings(
  column: { readonly feature: string; readonly reference: ArrayLike<number>; readonly current: ArrayLike<number> },
  { alpha = 0.01 }: FindingOptions = {},
): Finding[] {
  const { feature } = column
  const before = Array.from(column.reference).filter(Number.isFinite)
  const after = Array.from(column.current).filter(Number.isFinite)
  if (before.length === 0 || after.length === 0) return []
  let [low, high, whole] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true]
  for (const value of before) {
    low = Math.min(low, value)
    high = Math.max(high, value)
    whole &&= Number.isInteger(value)
  }
  const unseen = (kind: FindingKind, matches: (value: number) => boolean, what: string) =>
    unseenFinding(
      { kind, feature, referenceRows: before.length, currentRows: after.length, rows: after.filter(matches).length, what },
      { alpha },
    )
  return [
    ...unseen('below_range', (value) => value < low, `are below ${valueText(low)}, the least of the reference`),
    ...unseen('above_range', (value) => value > high, `are above ${valueText(high)}, the greatest of the reference`),
    ...(whole ? unseen('fractions', (value) => !Number.isInteger(value), 'have fractions; in the reference all were whole') : []),
    ...constantFinding(feature, before, after, alpha),
  ]
}

/** A value as a person reads it, to six digits. */
export function valueText(value: number): string {
  return String(Number(value.toPrecision(6)))
}

/**
 * Categories that the reference never showed, and those that are gone. For a new one the text gives the exact upper bound on its
 * share that the reference leaves open, 1 − α^(1/n) (Clopper & Pearson 1934 for no hits).
 */
export function categoryFindings(
  column: { readonly feature: string; readonly reference: readonly string[]; readonly current: readonly string[] },
  { alpha = 0.01 }: FindingOptions = {},
): Finding[] {
  const { categories, reference, current } = countCategories(column.reference, column.current)
  const counted = categories.map((name, i) => ({ name, before: reference[i]!, after: current[i]! }))
  return [
    ...categoryCountFindings(column.feature, counted, { alpha }),
    ...(column.reference.length > 0 && column.current.length > 0
      ? constantFinding(column.feature, column.reference, column.current, alpha)
      : []),
  ]
}

/** As `categoryFindings`, from the rows of each category before and after; whether a column became constant is not looked at. */
export function categoryCountFindings(
  feature: string,
  counted: readonly { readonly name: string; readonly before: number; readonly after: number }[],
  { alpha = 0.01 }: FindingOptions = {},
): Finding[] {
  const [n, m] = [counted.reduce((sum, { before }) => sum + before, 0), counted.reduce((sum, { after }) => sum + after, 0)]
  if (n === 0 || m === 0) return []
  const bound = `the reference of ${n} rows never showed it, so less than ${percent(1 - alpha ** (1 / n))} was expected`
  const fresh = counted.filter(({ before }) => before === 0).sort((a, b) => b.after - a.after)
  const named = fresh.slice(0, MOST_NAMED).map(({ name, after }) => {
    const text = `category ${JSON.stringify(name)} has ${percent(after / m)} of the rows; ${bound}`
    return finding('new_category', feature, after / m, neverSeen(n, m, after), text)
  })
  const others = fresh.slice(MOST_NAMED)
  const rest = others.reduce((sum, { after }) => sum + after, 0)
  const told = `${others.length} more new categories have ${percent(rest / m)} of the rows`
  const gone = counted.filter(({ before, after }) => after === 0 && neverSeen(m, n, before) <= alpha)
  return [
    ...named,
    ...(rest > 0 ? [finding('new_category', feature, rest / m, neverSeen(n, m, rest), told)] : []),
    ...gone.map(({ name, before }) => {
      const text = `category ${JSON.stringify(name)} is gone; it had ${percent(before / n)} of the rows`
      return finding('vanished_category', feature, before / n, neverSeen(m, n, before), text)
    }),
  ]
}

/** A trait that no value of the reference has and `rows` of the current ones do, judged by the exchangeability of all rows; `what` they do. */
export function unseenFinding(
  seen: {
    readonly kind: FindingKind
    readonly feature: string
    readonly referenceRows: number
    readonly currentRows: number
    readonly rows: number
    readonly what: string
  },
  { alpha = 0.01 }: FindingOptions = {},
): Finding[] {
  const { kind, feature, referenceRows, currentRows, rows, what } = seen
  const pValue = neverSeen(referenceRows, currentRows, rows)
  if (rows === 0 || pValue > alpha) return []
  return [finding(kind, feature, rows / currentRows, pValue, `${percent(rows / currentRows)} of the values ${what}`)]
}

/** The probability that all of the `rows` with some trait are among `here`, none among `there`, when all rows are exchangeable. */
function neverSeen(there: number, here: number, rows: number): number {
  let probability = 1
  for (let i = 0; i < rows && probability > 0; i++) probability *= (here - i) / (there + here - i)
  return probability
}

function constantFinding<T extends number | string>(feature: string, before: readonly T[], after: readonly T[], alpha: number): Finding[] {
  const value = after[0]!
  if (after.some((other) => other !== value)) return []
  const same = before.filter((other) => other === value).length
  if (same === before.length) return []
  const outcome = fisherExactTest([same, before.length - same], [after.length, 0])
  if ('insufficient' in outcome || outcome.pValue === null || outcome.pValue > alpha) return []
  const text = `all values are ${JSON.stringify(value)}, ${percent(same / before.length)} in the reference`
  return [finding('constant', feature, 1, outcome.pValue, text)]
}

function typeFindings({ feature, reference, current }: Column): Finding[] {
  const before = new Map<ValueType, number>()
  const after = new Map<ValueType, number>()
  for (const value of reference) before.set(typeOf(value), (before.get(typeOf(value)) ?? 0) + 1)
  for (const value of current) after.set(typeOf(value), (after.get(typeOf(value)) ?? 0) + 1)
  if (before.size === 0) return []
  return [...after]
    .filter(([type]) => !before.has(type))
    .map(([type, rows]) => {
      const share = rows / current.length
      const text = `${percent(share)} of the values are of type ${type}; in the reference all were ${[...before.keys()].join(' or ')}`
      return finding('type_change', feature, share, neverSeen(reference.length, current.length, rows), text)
    })
}

function typeOf(value: unknown): ValueType {
  if (typeof value === 'number' || typeof value === 'bigint') return 'number'
  if (typeof value === 'string') return 'text'
  return typeof value === 'boolean' ? 'boolean' : 'structure'
}

function commonestType(values: readonly unknown[]): ValueType {
  const counts = new Map<ValueType, number>()
  for (const value of values) counts.set(typeOf(value), (counts.get(typeOf(value)) ?? 0) + 1)
  return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), ['text' as ValueType, 0] as const)[0]
}

function presentOf(values: readonly unknown[]): unknown[] {
  return values.filter((value) => !(value === null || value === undefined || value === '' || Number.isNaN(value)))
}

function finding(kind: FindingKind, feature: string, share: number, pValue: number | null, text: string): Finding {
  return { kind, feature, share, pValue, text }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`
}
