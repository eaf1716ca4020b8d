import type { GateCheck, GateEvidence } from '../../../contract/gates.ts'
import type { Spec } from '../../../contract/kinds.ts'

type LoadBounds = NonNullable<Spec<'Gate'>['load']>

/** What the newest load report of the challenger’s file shows; open while there is none that is young enough. */
export function checkLoad(bounds: LoadBounds, evidence: GateEvidence | undefined): GateCheck {
  const { maxP99Ms, minRate, maxErrorRate, withinMs } = bounds
  const known = {
    name: 'load',
    metric: 'p99_ms',
    champion: null,
    difference: null,
    low: null,
    high: null,
    required: `99 % of replies within ${maxP99Ms} ms at ${minRate} requests a second or more, at most ${maxErrorRate * 100} % failed, measured in the last ${Math.round(withinMs / 3_600_000)} hours`,
  } as const
  if (!evidence) return { ...known, rows: 0, challenger: null, outcome: 'insufficient_data' }
  const { achieved, errorRate, latencyMs, ok } = evidence.report
  const held = latencyMs.p99 !== null && latencyMs.p99 <= maxP99Ms && achieved >= minRate && errorRate <= maxErrorRate
  return { ...known, rows: ok, challenger: latencyMs.p99, outcome: held ? 'pass' : 'fail' }
}

/** A sentence for the verdict’s reason. */
export function describeLoad({ outcome, required, challenger, rows }: GateCheck): string {
  if (outcome === 'insufficient_data') return `load: no report is young enough; run "setpoint load --save" (${required})`
  return `load: ${challenger === null ? 'no reply' : `p99 ${challenger.toFixed(1)} ms`} on ${rows} requests; ${required}`
}
