/**
 * Latencies in buckets whose width grows with the value: any quantile is read back within 1 % (0.8 %), the extremes
 * exactly. Mutable; recording allocates nothing.
 */
export type LatencyHistogram = {
  readonly buckets: Float64Array
  count: number
  /** Microseconds. */
  sumUs: number
  minUs: number
  maxUs: number
}

export type LatencySnapshot = {
  readonly count: number
  readonly sumUs: number
  readonly minUs: number
  readonly maxUs: number
  /** Pairs of bucket and count, of those that are not empty. */
  readonly buckets: readonly (readonly [bucket: number, count: number])[]
}

/** 64 buckets per doubling: each is at most 1/64 of its value wide, so its middle is off by at most 1/128. */
const PER_DOUBLING_BITS = 6
const PER_DOUBLING = 1 << PER_DOUBLING_BITS
/** About 36 minutes; longer ones count as this long. */
const LONGEST_US = 2 ** 31 - 1
const BUCKETS = PER_DOUBLING * (32 - PER_DOUBLING_BITS)

export function createLatencyHistogram(): LatencyHistogram {
  return { buckets: new Float64Array(BUCKETS), count: 0, sumUs: 0, minUs: Number.POSITIVE_INFINITY, maxUs: 0 }
}

/** Records one latency, rounded to whole microseconds. Throws RangeError for one that is negative or not a number. */
export function recordLatency(histogram: LatencyHistogram, latencyUs: number): void {
  if (!(latencyUs >= 0)) throw new RangeError(`a latency is a number of microseconds from 0, not ${latencyUs}`)
  const us = Math.min(Math.round(latencyUs), LONGEST_US)
  histogram.buckets[bucketOf(us)]!++
  histogram.count++
  histogram.sumUs += us
  if (us < histogram.minUs) histogram.minUs = us
  if (us > histogram.maxUs) histogram.maxUs = us
}

/** Up to 64 µs a bucket each; from there the leading seven bits of the number. */
function bucketOf(us: number): number {
  const doublings = Math.max(0, 31 - Math.clz32(us) - PER_DOUBLING_BITS)
  return doublings * PER_DOUBLING + (us >>> doublings)
}

function middleOf(bucket: number): number {
  const doublings = Math.max(0, (bucket >> PER_DOUBLING_BITS) - 1)
  const lowest = (bucket - doublings * PER_DOUBLING) * 2 ** doublings
  return lowest + (2 ** doublings - 1) / 2
}

/** The latency in µs that a share of the records do not exceed; NaN without records. Throws RangeError outside [0, 1]. */
export function latencyQuantile(histogram: LatencyHistogram, share: number): number {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`a quantile lies in [0, 1], not ${share}`)
  if (histogram.count === 0) return Number.NaN
  const rank = Math.max(1, Math.ceil(share * histogram.count))
  let seen = 0
  let bucket = 0
  while (bucket < BUCKETS && seen + histogram.buckets[bucket]! < rank) seen += histogram.buckets[bucket++]!
  return Math.min(Math.max(middleOf(bucket), histogram.minUs), histogram.maxUs)
}

/** Adds the records of `other`. */
export function mergeLatencies(histogram: LatencyHistogram, other: LatencyHistogram): void {
  for (let i = 0; i < BUCKETS; i++) histogram.buckets[i]! += other.buckets[i]!
  histogram.count += other.count
  histogram.sumUs += other.sumUs
  histogram.minUs = Math.min(histogram.minUs, other.minUs)
  histogram.maxUs = Math.max(histogram.maxUs, other.maxUs)
}

/** Plain data; `minUs` is 0 when there are no records. */
export function latenciesToJson(histogram: LatencyHistogram): LatencySnapshot {
  const { count, sumUs, minUs, maxUs } = histogram
  const buckets = Array.from(histogram.buckets, (own, bucket) => [bucket, own] as const).filter(([, own]) => own > 0)
  return { count, sumUs, minUs: count > 0 ? minUs : 0, maxUs, buckets }
}

/** A histogram from its snapshot. Throws RangeError for a bucket that does not exist. */
export function latenciesFromJson(snapshot: LatencySnapshot): LatencyHistogram {
  const histogram = createLatencyHistogram()
  for (const [bucket, count] of snapshot.buckets) {
    if (!(Number.isInteger(bucket) && bucket >= 0 && bucket < BUCKETS)) throw new RangeError(`a latency histogram has no bucket ${bucket}`)
    histogram.buckets[bucket] = count
  }
  const { count, sumUs, minUs, maxUs } = snapshot
  return Object.assign(histogram, { count, sumUs, minUs: count > 0 ? minUs : Number.POSITIVE_INFINITY, maxUs })
}
