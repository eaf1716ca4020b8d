import type { ObjectiveSpec } from '../../src/contract/objectives.ts'

/** What a value that is not known looks like. */
export const NONE = '–'

const MINUS = '−'
const plain = (value: number, digits: number) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace('-', MINUS)

/** A whole number with thousands apart: `44,859`. */
export function formatCount(value: number): string {
  return plain(value, 0)
}

/** A rate per second: `441/s`, `4.4/s`, `0.04/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0/s'
  return `${plain(perSecond, perSecond >= 100 ? 0 : perSecond >= 1 ? 1 : 2)}/s`
}

/** A latency given in microseconds, to three digits in the unit that suits it: `142 µs`, `1.15 ms`, `241 ms`, `1.20 s`. */
export function formatLatency(microseconds: number): string {
  if (microseconds < 999.5) return `${plain(microseconds, 0)} µs`
  if (microseconds < 999_500) return `${threeDigits(microseconds / 1_000)} ms`
  return `${threeDigits(microseconds / 1_000_000)} s`
}

function threeDigits(value: number): string {
  return plain(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

/** A duration given in milliseconds: `85 ms`, `12.3 s`, `2 min 05 s`, `1 h 04 min`, `3 d 02 h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${plain(Math.max(0, milliseconds), 0)} ms`
  if (milliseconds < 59_950) return `${plain(milliseconds / 1_000, 1)} s`
  const seconds = Math.round(milliseconds / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`
}

/** How long ago an instant was, one unit: `now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`. */
export function formatAge(atMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - atMs) / 1_000)
  if (seconds < 2) return 'now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

/** An instant in local time: `14:50:05` today, `21 Nov 14:50` on another day of the year, `21 Nov 2025` in another year. */
export function formatInstant(atMs: number, nowMs: number): string {
  const at = new Date(atMs)
  // A client may write any whole number as a time; beyond the reach of the calendar it is shown as it is.
  if (Number.isNaN(at.getTime())) return String(atMs)
  const now = new Date(nowMs)
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`
  if (at.toDateString() === now.toDateString()) return `${time}:${two(at.getSeconds())}`
  const day = `${at.getDate()} ${at.toLocaleString('en-US', { month: 'short' })}`
  return at.getFullYear() === now.getFullYear() ? `${day} ${time}` : `${day} ${at.getFullYear()}`
}

const two = (value: number) => String(value).padStart(2, '0')

/** A share as a percentage, with a digit more the nearer it lies to 0 or 100: `98.2 %`, `0.15 %`, `100 %`. */
export function formatPercent(share: number): string {
  const percent = share * 100
  if (percent > 0 && percent < 0.005) return '< 0.01 %'
  if (percent < 100 && percent > 99.995) return '> 99.99 %'
  const distance = Math.min(percent, 100 - percent)
  return `${plain(percent, distance === 0 ? 0 : distance < 1 ? 2 : 1)} %`
}

/** A quality metric between 0 and 1: `0.8961`. */
export function formatMetric(value: number): string {
  return plain(value, 4)
}

/** A difference of metrics with its sign: `+0.0020`, `−0.0003`, `0.0000`. */
export function formatDifference(value: number): string {
  const text = plain(value, 4)
  return value > 0 && text !== '0.0000' ? `+${text}` : text.replace(/^−(0\.0000)$/, '$1')
}

/** A difference of rates in percentage points: `+0.32 pp`, `−12.10 pp`. */
export function formatPoints(difference: number): string {
  const text = plain(difference * 100, 2).replace(/^−(0\.00)$/, '$1')
  return `${difference > 0 && text !== '0.00' ? '+' : ''}${text} pp`
}

/** Evidence, which spans many powers of ten: `0.42`, `38`, `1.2e3`, `3.9e16`. */
export function formatEvidence(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : NONE
  if (value < 10) return plain(value, 2)
  if (value < 1_000) return plain(value, 0)
  return value.toExponential(1).replace('+', '').replace('.0e', 'e')
}

/** The first `count` words of an id that tell it apart on a screen: `loop_…1gh5vh`. */
export function shortenId(id: string): string {
  const dash = id.indexOf('_')
  return dash < 0 || id.length - dash <= 8 ? id : `${id.slice(0, dash + 1)}…${id.slice(-6)}`
}

/** An identifier as words: `waiting_for_approval` → `waiting for approval`. */
export function wordsFrom(name: string): string {
  return name.replaceAll('_', ' ')
}

/** What a metric is called where there is little room. */
export const metricNames: Readonly<Record<ObjectiveSpec['metric'], string>> = {
  f1: 'F1',
  precision: 'precision',
  recall: 'recall',
  error_rate: 'error',
  latency_p99_ms: 'p99',
  label_coverage: 'labelled',
}

const sizes = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

/** A size given in bytes, in powers of a thousand: `812 bytes`, `4.21 kB`, `1.30 GB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1_000 ? 0 : Math.min(sizes.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${power === 0 ? plain(bytes, 0) : threeDigits(bytes / 1_000 ** power)} ${sizes[power]}`
}

/** A number of any size to five digits: `0.89612`, `12,000`, `3.2e-7`; not a number is null, and the largest double infinity. */
export function formatNumber(value: number | null): string {
  if (value === null) return 'NaN'
  if (Math.abs(value) >= Number.MAX_VALUE) return value > 0 ? '∞' : `${MINUS}∞`
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return shortExponent(value)
  const text = value.toLocaleString('en-US', size >= 1e4 ? { maximumFractionDigits: 1 } : { maximumSignificantDigits: 5 })
  return text.replace('-', MINUS)
}

function shortExponent(value: number): string {
  const [digits = '', power = ''] = value.toExponential(3).split('e')
  return `${Number(digits)}e${power.replace('+', '')}`.replace(/^-/, MINUS)
}
