import { usageError } from '../failures.ts'

const MISSING = /^(|nan|null|na)$/i

/** A cell as a number: NaN where it is empty, NaN, NA or null; undefined where it is no number. */
export function numberFrom(cell: unknown): number | undefined {
  if (cell === null || cell === undefined) return Number.NaN
  if (typeof cell === 'number') return Number.isFinite(cell) || Number.isNaN(cell) ? cell : undefined
  if (typeof cell === 'bigint' || typeof cell === 'boolean') return Number(cell)
  if (typeof cell !== 'string') return undefined
  const text = cell.trim()
  if (MISSING.test(text)) return Number.NaN
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

const SECONDS_BELOW = 100_000_000_000

/** A cell as epoch milliseconds: a date, ISO 8601 text, or a Unix time in seconds or milliseconds; undefined where it is none. */
export function timeFrom(cell: unknown): number | undefined {
  if (cell instanceof Date) return cell.getTime()
  const value = numberFrom(cell)
  if (value !== undefined) return Number.isNaN(value) ? undefined : value < SECONDS_BELOW ? value * 1_000 : value
  const ms = typeof cell === 'string' ? Date.parse(cell) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

/** Labels that wait are held in memory. */
const MOST_DELAY_ROWS = 1_000_000

/** When a label may be told: after so many later rows were asked, or after so many seconds. */
export type Delay = { readonly kind: 'rows'; readonly rows: number } | { readonly kind: 'seconds'; readonly ms: number }

export function delayFrom(typed: string): Delay {
  const match = /^(\d+(?:\.\d+)?)(s|rows?)?$/.exec(typed.replaceAll('_', '').trim())
  const value = Number(match?.[1])
  if (match && match[2] === 's') return { kind: 'seconds', ms: value * 1_000 }
  if (match && Number.isInteger(value) && value <= MOST_DELAY_ROWS) return { kind: 'rows', rows: value }
  throw usageError(`--label-delay: "${typed}" is no delay; give at most ${MOST_DELAY_ROWS} rows, as 48, or seconds, as 30s`)
}

/** Rows a second; infinite for `max`. */
export function rateFrom(typed: string): number {
  if (typed === 'max') return Number.POSITIVE_INFINITY
  const value = Number(typed)
  if (value > 0 && Number.isFinite(value)) return value
  throw usageError(`--rate: "${typed}" is no rate; give rows a second, or max`)
}

export function countFrom(flag: string, typed: string): number {
  const value = Number(typed)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw usageError(`${flag}: "${typed}" is no count; give a whole number from 1`)
}
