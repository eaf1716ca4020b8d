import { useState } from 'react'
import { messageFrom } from '../../../src/contract/errors.ts'
import type { LoopRun, LoopStep } from '../../../src/contract/loops.ts'
import type { QuarantineScope } from '../../../src/contract/quarantine.ts'
import { retraining, type Training } from '../../../src/contract/retraining.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatDuration, NONE, shortenId } from '../format.ts'
import { useLive, useNow } from '../use-live.ts'
import { Fact } from './fact.tsx'
import { Instant } from './instant.tsx'

/** What the challenger learnt from: the snapshot of rows, and what was left out of it. */
export function RetrainEvidence({ run, step, last }: { run: LoopRun; step: LoopStep; last: boolean }) {
  const { client } = useConsole()
  const now = useNow()
  const id = typeof step.evidence.training === 'string' ? step.evidence.training : last ? run.training : null
  const { value: training } = useLive(
    `training/${id}`,
    () => (id ? client.call(retraining.getTraining, { id }) : Promise.resolve(undefined)),
    { topics: ['retraining'], pollMs: step.endedAt === null ? 3_000 : 60_000 },
  )
  if (!id) return null
  const snapshot = training?.snapshot ?? (step.evidence.snapshot as Training['snapshot'] | undefined)
  return (
    <div className="evidence-box">
      <dl className="facts">
        <Fact name="live rows" value={snapshot ? formatCount(snapshot.rows) : NONE} />
        <Fact name="reference rows" value={snapshot ? formatCount(snapshot.referenceRows) : NONE} />
        <Fact name="quarantined, left out" value={snapshot ? formatCount(snapshot.quarantinedRows) : NONE} />
        <Fact name="rows cover" value={snapshot ? formatDuration(snapshot.toMs - snapshot.fromMs) : NONE} />
        <Fact
          name="training"
          value={training ? `${training.state}, ${formatDuration((training.endedAt ?? now) - training.startedAt)}` : NONE}
        />
        <Fact name="made" value={training?.version ? `v${training.version}` : NONE} />
      </dl>
      {training?.problem && <p className="inline-problem">{training.problem}</p>}
      <p className="dim">
        {training && `trainer ${training.trainer}, `}
        <span title={id}>{shortenId(id)}</span>
        {snapshot && (
          <>
            , snapshot <span title={snapshot.digest}>{snapshot.digest.slice(0, 12)}</span>
          </>
        )}
      </p>
      <TrainerLog id={id} />
    </div>
  )
}

function TrainerLog({ id }: { id: string }) {
  const { client } = useConsole()
  const [text, setText] = useState<string>()
  async function read() {
    try {
      const log = await client.call(retraining.readLog, { id })
      setText(log.text.trim() === '' ? 'The trainer has printed nothing.' : `${log.truncated ? '…\n' : ''}${log.text}`)
    } catch (error) {
      setText(messageFrom(error))
    }
  }
  return (
    <details onToggle={(event) => event.currentTarget.open && void read()}>
      <summary>What the trainer printed</summary>
      <pre className="log">{text ?? 'reading…'}</pre>
    </details>
  )
}

/** Which rows are kept out of training, since when. */
export function QuarantineEvidence({ evidence }: { evidence: Readonly<Record<string, unknown>> }) {
  const scope = evidence.scope as QuarantineScope | undefined
  if (!scope) return null
  const parts = [
    ['labels of', scope.labelSources],
    ['actors', scope.actors],
    ['sources', scope.sources],
  ] as const
  return (
    <div className="evidence-box">
      <dl className="facts">
        {parts.map(([name, values]) => values && <Fact key={name} name={name} value={values.join(', ')} />)}
        <div>
          <dt>from</dt>
          <dd>
            <Instant at={scope.fromMs} />
          </dd>
        </div>
        <div>
          <dt>until</dt>
          <dd>{scope.toMs === null ? 'somebody lifts it' : <Instant at={scope.toMs} />}</dd>
        </div>
      </dl>
      {typeof evidence.quarantine === 'string' && (
        <p className="dim">
          To let these rows teach again: <code>setpoint quarantine lift-window {evidence.quarantine} --reason "…"</code>
        </p>
      )}
    </div>
  )
}
