import type { GateCheck, GateVerdict } from '../../../contract/gates.ts'
import { describeLoad } from './check-load.ts'

/**
 * One failed check refuses. Short of that, a newest window without enough rows leaves the verdict open, because more are
 * coming, and so does a load test that is still missing. A frozen slice that is too small says nothing, will never say more, and is named in the reason.
 */
export function conclude(checks: readonly GateCheck[]): Pick<GateVerdict, 'verdict' | 'reason'> {
  const failed = checks.filter((check) => check.outcome === 'fail')
  const newest = checks[0]!
  if (failed.length > 0) return { verdict: 'refuse', reason: failed.map(describeCheck).join('; ') }
  if (newest.outcome === 'insufficient_data')
    return { verdict: 'insufficient_data', reason: `${newest.name}: only ${newest.rows} labelled rows` }
  const unloaded = checks.find((check) => check.metric === 'p99_ms' && check.outcome === 'insufficient_data')
  if (unloaded) return { verdict: 'insufficient_data', reason: describeLoad(unloaded) }
  return { verdict: 'pass', reason: checks.map(describeCheck).join('; ') }
}

function describeCheck(check: GateCheck): string {
  if (check.metric === 'p99_ms') return describeLoad(check)
  if (check.outcome === 'insufficient_data') return `${check.name}: nothing can be said on ${check.rows} rows`
  const number = (value: number | null) => (value === null ? 'unknown' : value.toFixed(4))
  return `${check.name}: ${check.metric} ${number(check.challenger)} against ${number(check.champion)} on ${check.rows} rows; ${check.required}`
}
