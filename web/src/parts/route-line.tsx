import type { Deployment } from '../../../src/contract/deployments.ts'
import type { TrafficSummary } from '../../../src/contract/telemetry.ts'
import { formatPercent } from '../format.ts'
import { Instant } from './instant.tsx'

/** Where requests go: the champion, and beside it what is scored in shadow or served to a part of the traffic. */
export function RouteLine({
  deployment: { spec, route, changedAt },
  traffic,
}: {
  deployment: Deployment
  traffic: TrafficSummary | undefined
}) {
  const part = route.mode === 'canary' || route.mode === 'split' ? route.percent : 0
  const served = traffic?.versions.find((version) => version.version === route.challengerVersion)
  return (
    <div className="route">
      <div className="route-text">
        <span className="champion">
          {spec.model} {route.championVersion === null ? 'no champion' : <b>v{route.championVersion}</b>}
        </span>
        {route.mode === 'steady' && <span className="dim">all traffic</span>}
        {route.mode === 'split' && (
          <span className="challenger">
            v{route.challengerVersion} answers {route.percent} % <span className="dim">A/B</span>
          </span>
        )}
        {route.mode === 'shadow' && (
          <span className="challenger">
            v{route.challengerVersion} in shadow <span className="dim">scored, not served</span>
          </span>
        )}
        {route.mode === 'canary' && (
          <span className="challenger">
            v{route.challengerVersion} canary {route.percent} %
            {served && (
              <span className="dim">
                {' '}
                served <span className="figure">{formatPercent(served.share)}</span> in the last min
              </span>
            )}
          </span>
        )}
      </div>
      <div className={`split ${route.mode}`} aria-hidden="true">
        <div style={{ width: `${100 - part}%` }} />
        {route.mode !== 'steady' && <div className="to-challenger" style={{ width: route.mode === 'shadow' ? '100%' : `${part}%` }} />}
      </div>
      <p className="dim">
        since <Instant at={changedAt} />
      </p>
    </div>
  )
}
