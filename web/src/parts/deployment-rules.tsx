import type { Deployment } from '../../../src/contract/deployments.ts'
import { formatCount, formatNumber } from '../format.ts'
import { Pairs } from './pairs.tsx'

/** What a deployment refuses, how long it takes at most, and which inputs were odd. */
export function DeploymentRules({ deployment: { spec, anomalies } }: { deployment: Deployment }) {
  const { limits, deadlineMs, fallback, runtime } = spec
  const rate = (perSecond: number | undefined) => (perSecond === undefined ? 'unlimited' : `${formatNumber(perSecond)} a second`)
  const pairs: [string, string][] = [
    ['mode', `${spec.mode}, ${spec.environment}`],
    ['runtime', runtime.kind],
    ['positive from', `a score of ${spec.threshold}`],
    ['each key', rate(limits.requestsPerSecond)],
    ['each address', rate(limits.perAddressPerSecond)],
    ['all callers', rate(limits.totalPerSecond)],
    ['quota of a key', limits.quota ? `${formatCount(limits.quota.requests)} a ${limits.quota.per}` : 'none'],
    ['rows at once', formatCount(limits.concurrency)],
    ['longest wait', `${limits.queueMs} ms`],
    ['deadline', deadlineMs === undefined ? 'the caller’s own' : `${deadlineMs} ms`],
    ['fallback', fallback ? `version ${fallback.version}` : 'none'],
  ]
  return (
    <>
      <Pairs pairs={pairs} none="" />
      <h3>Odd inputs since the server started</h3>
      {anomalies.length === 0 ? (
        <p className="dim">
          {Object.values(spec.features).some((rule) => rule.expected)
            ? 'Every value lay where it is expected.'
            : 'No rule says what is expected of a feature.'}
        </p>
      ) : (
        <Pairs
          pairs={anomalies.map(({ feature, count, last }) => [feature, `${formatCount(count)}, the last ${formatNumber(last)}`])}
          none=""
        />
      )}
    </>
  )
}
