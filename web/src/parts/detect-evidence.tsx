import { drift } from '../../../src/contract/drift.ts'
import type { LoopRun } from '../../../src/contract/loops.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatEvidence, formatPercent } from '../format.ts'
import { evidencePosition } from '../health.ts'
import { useLive } from '../use-live.ts'
import { EvidenceBar } from './evidence-bar.tsx'

const POLL_MS = 60_000
/** A stream with less evidence than this says nothing. */
const LEAST_EVIDENCE = 10

/** The alarm that began the run: its evidence against the threshold, and the streams that moved most. */
export function DetectEvidence({ run }: { run: LoopRun }) {
  const { client } = useConsole()
  const wanted = run.cause.detection
  const { value } = useLive(
    `detections/${run.deployment}`,
    () => (wanted ? client.call(drift.listDetections, { deployment: run.deployment, limit: 200 }) : Promise.resolve([])),
    { topics: [], pollMs: POLL_MS },
  )
  const detection = value?.find((candidate) => candidate.id === wanted)
  if (!wanted) return null
  if (!detection) return value ? null : <div className="skeleton evidence-place" role="status" aria-label="Loading" />
  const streams = detection.top.filter((stream) => stream.evidence >= LEAST_EVIDENCE)
  const most = Math.max(detection.threshold, ...streams.map((stream) => stream.evidence))
  return (
    <div className="evidence-box">
      <EvidenceBar
        name={detection.signal === 'features' ? 'all inputs together' : 'labelled error'}
        evidence={detection.evidence}
        threshold={detection.threshold}
        alarmed
      />
      <p className="dim">
        monitor {detection.monitor} on version {detection.modelVersion}, after {formatCount(detection.rows)} rows since its last reset
      </p>
      {detection.signal === 'features' && (
        <table className="bars">
          <caption>Streams that moved, by evidence on a log scale</caption>
          <tbody>
            {streams.map((stream) => (
              <tr key={stream.stream}>
                <th scope="row">{stream.stream}</th>
                <td className="bar">
                  <div style={{ width: `${evidencePosition(stream.evidence, most, 1) * 100}%` }} />
                </td>
                <td className="number">{formatEvidence(stream.evidence)}</td>
                <td className="number dim">{formatPercent(stream.share)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}
