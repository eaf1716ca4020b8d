const SECOND_MS = 1_000
const units = [
  ['d', 86_400 * SECOND_MS],
  ['h', 3_600 * SECOND_MS],
  ['m', 60 * SECOND_MS],
  ['s', SECOND_MS],
] as const

/** How long ago an instant was, or how far off it is, in its largest unit: `3m ago`, `in 2d`, `now`. Both in epoch milliseconds. */
export function ageText(atMs: number, nowMs: number): string {
  const distanceMs = Math.abs(nowMs - atMs)
  const unit = units.find(([, sizeMs]) => distanceMs >= sizeMs)
  if (!unit) return 'now'
  const count = `${Math.floor(distanceMs / unit[1])}${unit[0]}`
  return atMs <= nowMs ? `${count} ago` : `in ${count}`
}

/** A time in seconds as a person reads it: `4.2s`, `3m 05s`, `2h 10m`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)}s`
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)]
  if (minutes < 60) return `${minutes}m ${String(rest).padStart(2, '0')}s`
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`
}

export function sizeText(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1_000 && unit < names.length - 1) {
    value /= 1_000
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${names[unit]}`
}

/** Whether a field of this name holds an instant, in epoch milliseconds, rather than a length of time. */
function isInstant(name: string, value: unknown): value is number {
  return typeof value === 'number' && value > 100_000_000_000 && /^at$|At$|^(from|to)Ms$|FromMs$/.test(name)
}

const DIGEST = /^[0-9a-f]{64}$/
const DIGEST_SHOWN = 12

/** A scalar on one line and without control characters a terminal would obey. */
export function scalarText(name: string, value: unknown, nowMs: number): string {
  if (value === null || value === undefined) return '–'
  if (isInstant(name, value)) return ageText(value, nowMs)
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'object') return printable(JSON.stringify(value))
  return printable(String(value))
}

/** A scalar in a cell of a table, where a digest is known by its first letters. */
export function cellText(name: string, value: unknown, nowMs: number): string {
  const text = scalarText(name, value, nowMs)
  return DIGEST.test(text) ? text.slice(0, DIGEST_SHOWN) : text
}

function numberText(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1e9 ? String(Number(value.toPrecision(5))) : value.toExponential(3)
}

/** The text with line breaks and control characters made visible, so that nothing received can steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\r?\n/g, '⏎').replace(/\p{Cc}|\p{Bidi_Control}/gu, '·')
}
