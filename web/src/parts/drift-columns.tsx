import type { DriftReport } from '../../../src/contract/drift-report.ts'
import { formatCount, formatNumber, wordsFrom } from '../format.ts'
import { Pill, type Tone } from './notes.tsx'

type Column = DriftReport['columns'][number]
const COLUMNS_SHOWN = 20
const tones = { none: 'good', minor: 'watch', moderate: 'watch', severe: 'bad' } as const satisfies Record<Column['severity'], Tone>

/** The columns of a report, worst first, each with how it lies now beside how it lay in the reference. */
export function DriftColumns({ report }: { report: DriftReport }) {
  const columns = [...report.columns].sort((a, b) => rankOf(b) - rankOf(a))
  return (
    <div className="table-box">
      <p className="report-head">
        <Pill tone={report.verdict === 'insufficient_data' ? 'unknown' : tones[report.severity]}>{wordsFrom(report.verdict)}</Pill>{' '}
        {report.reason}
        <br />
        <span className="dim">
          {formatCount(report.current.rows)} rows, {report.current.name}; against {formatCount(report.reference.rows)} of{' '}
          {report.reference.name}
        </span>
      </p>
      <table className="drift-columns">
        <thead>
          <tr>
            <th>column</th>
            <th>
              <span className="mark before">reference</span> <span className="mark now">now</span>
            </th>
            <th className="number">effect</th>
            <th className="number">adjusted p</th>
            <th>why</th>
          </tr>
        </thead>
        <tbody>
          {columns.slice(0, COLUMNS_SHOWN).map((column) => (
            <tr key={column.name}>
              <th scope="row">
                {column.name} {column.verdict === 'drift' && <Pill tone={tones[column.severity]}>{column.severity}</Pill>}
              </th>
              <td>
                <PairedBars column={column} />
              </td>
              <td className="number">{column.effect ? formatNumber(Number(column.effect.value.toPrecision(3))) : '–'}</td>
              <td className="number">{pText(column.adjustedPValue)}</td>
              <td className="dim">{[column.reason, ...column.findings.map(({ text }) => text)].join('; ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {columns.length > COLUMNS_SHOWN && <p className="dim">{formatCount(columns.length - COLUMNS_SHOWN)} more moved less.</p>}
    </div>
  )
}

function rankOf({ verdict, effect }: Column): number {
  return (verdict === 'drift' ? 10 : verdict === 'stable' ? 1 : 0) + Math.min(1, effect?.value ?? 0)
}

function pText(p: number | null): string {
  return p === null ? '–' : p < 1e-4 ? '< 0.0001' : p.toFixed(4)
}

const WIDTH = 200
const HEIGHT = 34

function PairedBars({ column }: { column: Column }) {
  const { reference, current, bars } = column
  if (!reference || !current || bars.length === 0) return <span className="dim">–</span>
  const most = Math.max(1e-9, ...reference.bars, ...current.bars)
  const slot = WIDTH / bars.length
  const width = Math.max(1, slot * 0.4)
  const bar = (share: number, x: number) => ({ x, y: HEIGHT * (1 - share / most), width, height: (HEIGHT * share) / most })
  return (
    <svg
      className="paired-bars"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={`${column.name}: shares of ${bars.length} bars, before and now`}
    >
      {bars.map((name, i) => (
        <g key={name}>
          <title>{`${name}: ${((reference.bars[i] ?? 0) * 100).toFixed(1)} % before, ${((current.bars[i] ?? 0) * 100).toFixed(1)} % now`}</title>
          <rect className="before" {...bar(reference.bars[i] ?? 0, i * slot + slot * 0.08)} />
          <rect className="now" {...bar(current.bars[i] ?? 0, i * slot + slot * 0.52)} />
        </g>
      ))}
    </svg>
  )
}
