import { createHistogram } from 'node:perf_hooks'

/** Milliseconds; null where nothing was measured. */
export type LatencySummary = {
  readonly p50: number | null
  readonly p90: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly p999: number | null
  readonly max: number | null
  readonly mean: number | null
}

export type Latencies = {
  record(ms: number): void
  readonly count: number
  summary(): LatencySummary
}

const MICROSECONDS = 1_000
const LONGEST_US = 3_600_000_000
const FIGURES = 3

/** Times from 1 µs to an hour in a high-dynamic-range histogram: three significant digits, memory that does not grow. */
export function createLatencies(): Latencies {
  const histogram = createHistogram({ lowest: 1, highest: LONGEST_US, figures: FIGURES })
  const ms = (us: number) => (histogram.count === 0 ? null : us / MICROSECONDS)
  return {
    record(value) {
      histogram.record(Math.min(LONGEST_US, Math.max(1, Math.round(value * MICROSECONDS))))
    },
    get count() {
      return histogram.count
    },
    summary: () => ({
      p50: ms(histogram.percentile(50)),
      p90: ms(histogram.percentile(90)),
      p95: ms(histogram.percentile(95)),
      p99: ms(histogram.percentile(99)),
      p999: ms(histogram.percentile(99.9)),
      max: ms(histogram.max),
      mean: ms(histogram.mean),
    }),
  }
}
