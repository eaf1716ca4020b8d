import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Makes an id such as `run_01k8…`: unique, and sorted by the time it was made. */
export type Ids = (prefix: string) => string

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_DIGITS = 10
const RANDOM_DIGITS = 16
/** Random bytes are fetched for so many milliseconds’ ids at once: one at a time they cost more than the id. */
const POOLED = 256
const CODES = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0))

/**
 * Ids in the layout of ULID: 48 bits of time, then 80 random bits, in Crockford's base 32; within one millisecond the
 * random part counts up, so ids of one process always sort in the order they were made.
 */
export function createIds(clock: Clock, random: (size: number) => Uint8Array = randomBytes): Ids {
  const digits = new Uint8Array(RANDOM_DIGITS)
  const letters = Buffer.alloc(RANDOM_DIGITS)
  let pool: Uint8Array = new Uint8Array(0)
  let used = 0

  function draw(): Uint8Array {
    if (used >= pool.length) {
      pool = random(RANDOM_DIGITS * POOLED)
      used = 0
    }
    used += RANDOM_DIGITS
    return pool.subarray(used - RANDOM_DIGITS, used)
  }

  let lastMs = -1
  let time = ''
  return (prefix) => {
    const nowMs = Math.max(clock.now(), lastMs)
    if (nowMs === lastMs) countUp(digits)
    else {
      digits.set(draw())
      // Half of the first digit’s range is left free, so that counting up cannot overflow.
      for (let i = 0; i < RANDOM_DIGITS; i++) digits[i]! &= i === 0 ? 15 : 31
      time = timeDigits(nowMs)
    }
    lastMs = nowMs
    for (let i = 0; i < RANDOM_DIGITS; i++) letters[i] = CODES[digits[i]!]!
    return `${prefix}_${time}${letters.toString('latin1')}`
  }
}

function countUp(digits: Uint8Array): void {
  let i = digits.length - 1
  while (digits[i] === 31) digits[i--] = 0
  digits[i]! += 1
}

function timeDigits(ms: number): string {
  let rest = ms
  let text = ''
  for (let i = 0; i < TIME_DIGITS; i++) {
    text = ALPHABET[rest % 32] + text
    rest = Math.floor(rest / 32)
  }
  return text
}
