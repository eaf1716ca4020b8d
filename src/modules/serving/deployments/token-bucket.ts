import type { Clock } from '../../../infra/clock.ts'

const MOST_KEYS = 10_000

/** A token bucket per key, holding one second’s worth: `take` answers 0, or the seconds to wait. Keeps at most 10,000 keys. */
export function createBuckets(clock: Clock) {
  const buckets = new Map<string, { tokens: number; filledMs: number }>()
  return {
    take(key: string, perSecond: number, count: number): number {
      const nowMs = clock.now()
      let bucket = buckets.get(key)
      if (!bucket) {
        if (buckets.size >= MOST_KEYS) buckets.delete(buckets.keys().next().value!)
        bucket = { tokens: Math.max(1, perSecond), filledMs: nowMs }
        buckets.set(key, bucket)
      }
      bucket.tokens = Math.min(Math.max(1, perSecond), bucket.tokens + ((nowMs - bucket.filledMs) / 1_000) * perSecond)
      bucket.filledMs = nowMs
      if (bucket.tokens < count) return (count - bucket.tokens) / perSecond
      bucket.tokens -= count
      return 0
    },
  }
}
