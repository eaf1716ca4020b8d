export type LoadBounds = { readonly maxP99Ms?: number; readonly maxErrorRate: number }
export type LoadFacts = {
  /** Requests a second that were asked for; null in a closed loop. */
  readonly rate: number | null
  readonly achieved: number
  readonly errorRate: number
  readonly ok: number
  readonly p99Ms: number | null
}

/** Less than this share of the rate asked for, and the rate was not held. */
const HELD_SHARE = 0.99

/** Every reason why a load was not carried; none when it was. */
export function loadFailures({ rate, achieved, errorRate, ok, p99Ms }: LoadFacts, { maxP99Ms, maxErrorRate }: LoadBounds): string[] {
  const failures: string[] = []
  if (ok === 0) failures.push('no request was answered')
  if (rate !== null && achieved < rate * HELD_SHARE)
    failures.push(`${achieved.toFixed(1)} requests a second were answered; ${rate} were asked for`)
  if (errorRate > maxErrorRate) failures.push(`the error rate is ${share(errorRate)}; at most ${share(maxErrorRate)} is allowed`)
  if (maxP99Ms !== undefined && p99Ms !== null && p99Ms > maxP99Ms)
    failures.push(`the 99th percentile is ${p99Ms.toFixed(1)} ms; at most ${maxP99Ms} ms is allowed`)
  return failures
}

const share = (part: number) => `${(part * 100).toFixed(2)} %`
