import { telemetry } from '../../../src/contract/telemetry.ts'
import { useConsole } from '../console.tsx'
import { formatLatency, formatNumber, NONE } from '../format.ts'
import { useLive } from '../use-live.ts'
import { Instant } from './instant.tsx'
import { Problem, Skeleton } from './notes.tsx'

const SHOWN = 20
const POLL_MS = 3_000

/** The newest predictions of a deployment, with what turned out to be true where it is known. */
export function PredictionTable({ deployment }: { deployment: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/records/${deployment}`,
    () => client.call(telemetry.listRecords, { deployment, limit: SHOWN }),
    { topics: [], pollMs: POLL_MS },
  )
  if (!value) return error ? <Problem error={error} what="The list" stale={false} /> : <Skeleton rows={4} height={24} />
  if (value.records.length === 0) return <p className="dim">Nobody has asked yet.</p>
  return (
    <div className="table-box">
      <table className="runs">
        <thead>
          <tr>
            <th>When</th>
            <th>Id</th>
            <th>Version</th>
            <th className="number">Score</th>
            <th className="number">Prediction</th>
            <th className="number">Label</th>
            <th className="number">Latency</th>
            <th>Actor</th>
          </tr>
        </thead>
        <tbody>
          {value.records.map((record) => (
            <tr key={`${record.recordId}/${record.at}/${record.role}`}>
              <td>
                <Instant at={record.at} only="time" />
              </td>
              <td className="figure">{record.recordId}</td>
              <td>
                {record.version} {record.role === 'challenger' && <span className="dim">challenger</span>}
              </td>
              <td className="number figure">{formatNumber(record.score)}</td>
              <td className="number figure">{record.prediction ?? NONE}</td>
              <td className="number figure">{record.label?.value ?? NONE}</td>
              <td className="number figure">{formatLatency(record.latencyUs)}</td>
              <td>{record.actor || NONE}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
