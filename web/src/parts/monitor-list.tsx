import { drift } from '../../../src/contract/drift.ts'
import { useConsole } from '../console.tsx'
import { monitorPath } from '../routes.ts'
import { useLive } from '../use-live.ts'
import { Link } from './link.tsx'
import { Pill, Problem, Skeleton } from './notes.tsx'

/** The monitors that watch a deployment, each with the way to its page. */
export function MonitorList({ deployment }: { deployment: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/monitors-of/${deployment}`, () => client.call(drift.listMonitors, { deployment }), {
    topics: ['drift', 'documents'],
    pollMs: 15_000,
  })
  if (!value) return error ? <Problem error={error} what="Drift" stale={false} /> : <Skeleton rows={1} height={24} />
  if (value.length === 0) return <p className="dim">No monitor watches this deployment.</p>
  return (
    <ul className="monitor-list">
      {value.map(({ name, ready, signals }) => {
        const alarmed = signals.some((signal) => signal.alarmed)
        return (
          <li key={name}>
            <Link to={monitorPath(name)}>{name}</Link>{' '}
            <Pill tone={alarmed ? 'bad' : ready ? 'good' : 'unknown'}>{alarmed ? 'alarm' : ready ? 'quiet' : 'cannot watch yet'}</Pill>
          </li>
        )
      })}
    </ul>
  )
}
