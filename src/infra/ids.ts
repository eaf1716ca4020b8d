import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Makes an id such as `run_01k8…`: unique, and sorted by the time it was made. */
export type Ids = (prefix: string) => string

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * Ids in the layout of ULID: 48 bits of time, then 80 random bits, in Crockford's base 32; within one millisecond the
 * random part counts up, so ids of one process always sort in the order they were made.
 */
export function createIds(clock: Clock, random: (size: number) => Uint8Array = randomBytes): Ids {
  let lastMs = -1
  let entropy = 0n
  return (prefix) => {
    const nowMs = Math.max(clock.now(), lastMs)
    if (nowMs === lastMs) entropy += 1n
    else entropy = BigInt(`0x${Buffer.from(random(10)).toString('hex')}`) >> 1n
    lastMs = nowMs
    return `${prefix}_${base32(BigInt(nowMs), 10)}${base32(entropy, 16)}`
  }
}

function base32(value: bigint, length: number): string {
  let rest = value
  let text = ''
  for (let i = 0; i < length; i++) {
    text = ALPHABET[Number(rest & 31n)] + text
    rest >>= 5n
  }
  return text
}
