import { crc32 } from 'node:zlib'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Scored } from './live.ts'

const KEPT_MS = 10 * 60_000
const MOST_KEPT = 10_000

type Kept = { readonly fingerprint: string; readonly answer: Promise<Scored>; readonly untilMs: number }

/**
 * Answers by idempotency key, for ten minutes and the last 10,000 keys: a request sent again gets the answer of the first, and
 * is neither scored nor recorded again. One that failed may be tried anew. Kept in this process only.
 */
export function createRepeats(clock: Clock) {
  const kept = new Map<string, Kept>()
  return {
    /** Throws `conflict` when the key came with other rows before. */
    once(key: string, values: Float32Array, run: () => Promise<Scored>): Promise<Scored> {
      const fingerprint = `${values.length}-${crc32(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))}`
      const known = kept.get(key)
      if (known && known.untilMs > clock.now()) {
        if (known.fingerprint === fingerprint) return known.answer
        throw new AppError('conflict', 'this idempotency key was used with other features; give each request a key of its own')
      }
      kept.delete(key)
      if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!)
      const answer = run()
      kept.set(key, { fingerprint, answer, untilMs: clock.now() + KEPT_MS })
      answer.catch(() => kept.delete(key))
      return answer
    },
  }
}
