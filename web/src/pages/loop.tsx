import { useEffect } from 'react'
import { loops } from '../../../src/contract/loops.ts'
import { useConsole } from '../console.tsx'
import { formatDuration, shortenId, wordsFrom } from '../format.ts'
import { Instant } from '../parts/instant.tsx'
import { Link } from '../parts/link.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { RunActions } from '../parts/run-actions.tsx'
import { RunAside } from '../parts/run-aside.tsx'
import { RunState } from '../parts/run-state.tsx'
import { Stepper } from '../parts/stepper.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { useLive, useNow } from '../use-live.ts'

/** One run as a live timeline: what each step found, and what a person may decide. */
export function LoopPage({ id }: { id: string }) {
  const { client } = useConsole()
  const now = useNow()
  const { value: run, error, reload } = useLive(`run/${id}`, () => client.call(loops.getRun, { id }), { topics: ['loops'], pollMs: 3_000 })
  useEffect(() => {
    document.title = run ? `${run.deployment}: ${wordsFrom(run.outcome ?? run.step)} · Setpoint` : 'Loop run · Setpoint'
  }, [run])
  return (
    <>
      <nav className="crumbs" aria-label="Where this is">
        <Link to="/loops">Loop runs</Link> <span aria-hidden="true">/</span> <span title={id}>{shortenId(id)}</span>
      </nav>
      {error && <Problem error={error} what="This run" stale={run !== undefined} />}
      {!run && !error && <Skeleton rows={5} height={88} />}
      {run && (
        <>
          <div className="run-head">
            <div>
              <h1>
                {run.deployment} <RunState run={run} />
              </h1>
              <p className="run-summary">{run.reason ?? run.cause.summary}</p>
              {run.state !== 'ended' && (
                <p className="run-now">
                  <a href={`#step-${run.steps.length - 1}`}>Now {wordsFrom(run.step)}</a> {run.steps.at(-1)?.summary}
                </p>
              )}
              <p className="dim">
                started <Instant at={run.startedAt} /> · {run.endedAt === null ? 'running for' : 'took'}{' '}
                <span className="figure">{formatDuration((run.endedAt ?? now) - run.startedAt)}</span>
                {run.cause.at < run.startedAt && (
                  <>
                    {' '}
                    · begun <span className="figure">{formatDuration(run.startedAt - run.cause.at)}</span> after the row that raised the
                    alarm
                  </>
                )}
              </p>
            </div>
            <RunActions run={run} onDone={reload} />
          </div>
          <Stepper run={run} now={now} />
          <div className="run-body">
            <Timeline run={run} now={now} />
            <RunAside run={run} />
          </div>
        </>
      )}
    </>
  )
}
