import type { ModelVersion } from '../../../src/contract/model-record.ts'
import { formatCount, formatNumber, NONE } from '../format.ts'

type Evaluation = NonNullable<ModelVersion['evaluation']>

/** What a version was measured at before it was registered, over all rows and by slice. */
export function EvaluationTable({ evaluation }: { evaluation: Evaluation }) {
  const slices = evaluation.slices ?? []
  const metrics = [...new Set([evaluation, ...slices].flatMap((part) => Object.keys(part.metrics)))]
  const parts = [{ name: 'all rows', rows: evaluation.rows, metrics: evaluation.metrics }, ...slices]
  return (
    <>
      <p className="dim">on {evaluation.dataset}</p>
      <div className="table-box">
        <table className="compact">
          <thead>
            <tr>
              <th>Slice</th>
              <th className="number">Rows</th>
              {metrics.map((metric) => (
                <th key={metric} className="number">
                  {metric}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {parts.map((part, nth) => (
              <tr key={part.name} className={nth === 0 ? 'strong' : undefined}>
                <th scope="row">{part.name}</th>
                <td className="number">{formatCount(part.rows)}</td>
                {metrics.map((metric) => (
                  <td key={metric} className="number">
                    {part.metrics[metric] === undefined ? NONE : formatNumber(part.metrics[metric])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}
