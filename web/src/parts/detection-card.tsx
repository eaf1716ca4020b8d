import { useState } from 'react'
import { type Detection, drift } from '../../../src/contract/drift.ts'
import { triage } from '../../../src/contract/triage.ts'
import { useConsole } from '../console.tsx'
import { formatCount, wordsFrom } from '../format.ts'
import { useLive } from '../use-live.ts'
import { DiagnosisView } from './diagnosis-view.tsx'
import { EvidenceBar } from './evidence-bar.tsx'
import { Instant } from './instant.tsx'
import { Pill, Problem, Skeleton } from './notes.tsx'
import { ReasonDialog } from './reason-dialog.tsx'

const judgements = [
  ['true_alarm', 'True alarm'],
  ['false_alarm', 'False alarm'],
] as const
type Verdict = (typeof judgements)[number][0]

/** One detection: its evidence, what a person said of it, and on demand what is behind it. */
export function DetectionCard({ detection, open, onDone }: { detection: Detection; open: boolean; onDone: () => void }) {
  const { client, session } = useConsole()
  const [shown, setShown] = useState(open)
  const [asked, setAsked] = useState<Verdict>()
  const refusal = session?.scopes.includes('write') ? undefined : 'your role lacks the scope “write”'
  const { judgement, id } = detection
  return (
    <li className="detection">
      <div className="detection-head">
        <h3>
          <Instant at={detection.at} /> {detection.signal === 'features' ? 'inputs moved' : 'the labelled error rose'}
        </h3>
        {judgement && <Pill tone={judgement.verdict === 'true_alarm' ? 'good' : 'watch'}>{wordsFrom(judgement.verdict)}</Pill>}
        <span className="grow" />
        <div className="actions">
          {judgements.map(([verdict, name]) => (
            <button
              key={verdict}
              type="button"
              disabled={refusal !== undefined}
              title={refusal}
              aria-pressed={judgement?.verdict === verdict}
              onClick={() => setAsked(verdict)}
            >
              {name}
            </button>
          ))}
          <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? 'Hide diagnosis' : 'Diagnose'}
          </button>
        </div>
      </div>
      {judgement && (
        <p className="dim">
          {judgement.by}: {judgement.reason}
        </p>
      )}
      <EvidenceBar
        name={`after ${formatCount(detection.rows)} rows`}
        evidence={detection.evidence}
        threshold={detection.threshold}
        alarmed
      />
      {shown && <Diagnosed id={id} />}
      {asked && (
        <ReasonDialog
          title={`This was a ${wordsFrom(asked)}`}
          says="The review of the monitor counts it; you may change your mind later."
          button="Judge"
          decide={(reason) => client.call(drift.judgeDetection, { id, judgement: asked, reason })}
          onClose={() => setAsked(undefined)}
          onDone={onDone}
        />
      )}
    </li>
  )
}

function Diagnosed({ id }: { id: string }) {
  const { client, base } = useConsole()
  const { value, error, reload } = useLive(`${base}/diagnosis/${id}`, () => client.call(triage.diagnoseDetection, { id }), {
    topics: ['triage'],
    pollMs: 60_000,
  })
  if (!value) return error ? <Problem error={error} what="The diagnosis" stale={false} /> : <Skeleton rows={1} height={160} />
  return <DiagnosisView diagnosis={value} onChosen={reload} />
}
