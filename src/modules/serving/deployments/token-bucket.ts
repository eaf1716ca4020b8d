import type { Clock } from '../../../infra/clock.ts'

const MOST_KEYS = 10_000
/**
 * How often processes tell each other what they are asked for. A bucket holds at least so many seconds’ worth of the whole
 * limit, whatever its share: what it may grant before the others have heard of it.
 */
export const EXCHANGE_S = 0.5
/** How much of the demand before is kept at each exchange, and the part of a limit below which demand is none. */
const KEPT = 0.5
const NOTHING = 1e-3

export type Bucket = {
  readonly key: string
  tokens: number
  filledMs: number
  /** The whole limit, of all processes together, in tokens a second. */
  perSecond: number
  /** This process’s part of the limit, from 0 to 1. */
  share: number
  /** Tokens asked for since the last exchange, granted or not. */
  asked: number
  /** Tokens asked for a second, of the last exchanges, fading. */
  demand: number
}

export type Buckets = ReturnType<typeof createBuckets>

/**
 * A token bucket per key, holding one second’s worth of its share: `take` answers 0, or the seconds to wait. Keeps at most
 * 10,000 keys. Shares are 1 until somebody sets them.
 */
export function createBuckets(clock: Clock) {
  const buckets = new Map<string, Bucket>()
  let firstShare = 1

  function begin(key: string, perSecond: number, nowMs: number): Bucket {
    if (buckets.size >= MOST_KEYS) buckets.delete(buckets.keys().next().value!)
    const tokens = Math.max(1, perSecond * Math.max(firstShare, EXCHANGE_S))
    const bucket = { key, tokens, filledMs: nowMs, perSecond, share: firstShare, asked: 0, demand: 0 }
    buckets.set(key, bucket)
    return bucket
  }

  function fill(bucket: Bucket, nowMs: number) {
    const { perSecond, share } = bucket
    const most = Math.max(1, perSecond * Math.max(share, EXCHANGE_S))
    bucket.tokens = Math.min(most, bucket.tokens + ((nowMs - bucket.filledMs) / 1_000) * perSecond * share)
    bucket.filledMs = nowMs
  }

  return {
    take(key: string, perSecond: number, count: number): number {
      const nowMs = clock.now()
      const bucket = buckets.get(key) ?? begin(key, perSecond, nowMs)
      bucket.perSecond = perSecond
      bucket.asked += count
      fill(bucket, nowMs)
      const missing = count - bucket.tokens
      // After the next exchange the share may be the whole.
      if (missing > 0) return Math.min(missing / (perSecond * bucket.share), EXCHANGE_S + missing / perSecond)
      bucket.tokens -= count
      return 0
    },
    all: (): Iterable<Readonly<Bucket>> => buckets.values(),
    /** Makes what was asked of a bucket since the last time a part of its demand. */
    fold(seconds: number): void {
      for (const bucket of buckets.values()) {
        if (bucket.asked === 0 && bucket.demand === 0) continue
        const asked = bucket.asked / seconds
        const demand = bucket.demand === 0 ? asked : bucket.demand * KEPT + asked * (1 - KEPT)
        bucket.demand = demand < bucket.perSecond * NOTHING ? 0 : demand
        bucket.asked = 0
      }
    },
    /** Sets the share of every bucket from now on; those made later begin with `first`. */
    divide(first: number, shareOf: (bucket: Readonly<Bucket>) => number): void {
      firstShare = first
      const nowMs = clock.now()
      for (const bucket of buckets.values()) {
        const share = shareOf(bucket)
        if (share === bucket.share) continue
        fill(bucket, nowMs)
        bucket.share = share
      }
    },
  }
}
