import type { GateCheck, GateVerdict } from '../../../contract/gates.ts'

/**
 * One failed check refuses. Short of that, a newest window without enough rows leaves the verdict open: more are coming.
 * A frozen slice that is too small says nothing, will never say more, and is named in the reason.
 */
export function conclude(checks: readonly GateCheck[]): Pick<GateVerdict, 'verdict' | 'reason'> {
  const failed = checks.filter((check) => check.outcome === 'fail')
  const newest = checks[0]!
  if (failed.length > 0) return { verdict: 'refuse', reason: failed.map(describeCheck).join('; ') }
  if (newest.outcome === 'insufficient_data')
    return { verdict: 'insufficient_data', reason: `${newest.name}: only ${newest.rows} labelled rows` }
  return { verdict: 'pass', reason: checks.map(describeCheck).join('; ') }
}

function describeCheck(check: GateCheck): string {
  if (check.outcome === 'insufficient_data') return `${check.name}: nothing can be said on ${check.rows} rows`
  const number = (value: number | null) => (value === null ? 'unknown' : value.toFixed(4))
  return `${check.name}: ${check.metric} ${number(check.challenger)} against ${number(check.champion)} on ${check.rows} rows; ${check.required}`
}
