import { useEffect } from 'react'
import { loops } from '../../../src/contract/loops.ts'
import { useConsole } from '../console.tsx'
import { formatDuration } from '../format.ts'
import { Instant } from '../parts/instant.tsx'
import { Link } from '../parts/link.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { RunState } from '../parts/run-state.tsx'
import { loopPath } from '../routes.ts'
import { useLive, useNow } from '../use-live.ts'

const SHOWN = 200

/** Every run of the loop, newest first. */
export function LoopsPage() {
  const { client } = useConsole()
  const now = useNow()
  const { value, error } = useLive('runs', () => client.call(loops.listRuns, { limit: SHOWN }), { topics: ['loops'], pollMs: 15_000 })
  useEffect(() => {
    document.title = 'Loop runs · Setpoint'
  }, [])
  return (
    <>
      <div className="page-head">
        <h1>Loop runs</h1>
        {value && <p className="dim">{value.length === SHOWN ? `the newest ${SHOWN}` : `${value.length} in all`}</p>}
      </div>
      {error && <Problem error={error} what="The list" stale={value !== undefined} />}
      {!value && !error && <Skeleton rows={6} height={38} />}
      {value?.length === 0 && (
        <div className="notice">
          <h2>No run yet</h2>
          <p>A run begins by itself when a monitor raises an alarm. This starts one by hand:</p>
          <pre>setpoint loops start-run LOOP --reason "why"</pre>
        </div>
      )}
      {value && value.length > 0 && (
        <div className="table-box">
          <table className="runs">
            <thead>
              <tr>
                <th>Deployment</th>
                <th>State</th>
                <th>Cause</th>
                <th>What came of it</th>
                <th className="number">Challenger</th>
                <th className="number">Took</th>
                <th>Started</th>
              </tr>
            </thead>
            <tbody>
              {value.map((run) => (
                <tr key={run.id}>
                  <td>
                    <Link to={loopPath(run.id)}>{run.deployment}</Link>
                  </td>
                  <td>
                    <RunState run={run} />
                  </td>
                  <td className="text">{run.cause.summary}</td>
                  <td className="text dim">{run.reason ?? run.steps.at(-1)?.summary}</td>
                  <td className="number">{run.challenger === null ? '–' : `v${run.challenger}`}</td>
                  <td className="number">{formatDuration((run.endedAt ?? now) - run.startedAt)}</td>
                  <td>
                    <Instant at={run.startedAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
