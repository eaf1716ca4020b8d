import { memo } from 'react'
import type { Run } from '../../../src/contract/runs.ts'
import { formatDuration } from '../format.ts'
import { runPath } from '../routes.ts'
import { cellOf, type Order, type RunColumn } from '../run-columns.ts'
import { useNow } from '../use-live.ts'
import { Instant } from './instant.tsx'
import { Link } from './link.tsx'
import { RunStatus } from './run-status.tsx'

type RunTableProps = {
  readonly runs: readonly Run[]
  readonly columns: readonly RunColumn[]
  readonly order: Order | undefined
  readonly busy: boolean
  readonly chosen: ReadonlySet<string>
  readonly onChoose: (run: string) => void
  readonly onOrder: (column: string) => void
}

const kinds = [
  ['metrics', 'Metrics'],
  ['params', 'Params'],
  ['tags', 'Tags'],
] as const

/** Runs as rows; a heading orders by its column, a second time the other way round. */
export function RunTable({ runs, columns, order, busy, chosen, onChoose, onOrder }: RunTableProps) {
  const groups = kinds.map(([kind, title]) => ({ title, columns: columns.filter((column) => column.kind === kind) }))
  const sorted = groups.flatMap((group) => group.columns)
  const heading = (column: string, name: string, number = false) => (
    <Heading key={column} name={name} number={number} column={column} order={order} onOrder={onOrder} />
  )
  return (
    <div className="table-box" aria-busy={busy}>
      <table className="runs tracked">
        <thead>
          <tr className="groups">
            <td colSpan={5} />
            {groups.map(
              ({ title, columns }) =>
                columns.length > 0 && (
                  <th key={title} colSpan={columns.length} scope="colgroup">
                    {title}
                  </th>
                ),
            )}
          </tr>
          <tr>
            <th>
              <span className="unseen">Chosen</span>
            </th>
            {heading('run_name', 'Name')}
            {heading('status', 'Status')}
            {heading('start_time', 'Started')}
            <th className="number">Took</th>
            {sorted.map((column) => heading(column.id, column.key, column.kind === 'metrics'))}
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <Row key={run.id} run={run} columns={sorted} chosen={chosen.has(run.id)} onChoose={onChoose} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

type HeadingProps = Pick<RunTableProps, 'order' | 'onOrder'> & { readonly name: string; readonly column: string; readonly number: boolean }

function Heading({ name, number, column, order, onOrder }: HeadingProps) {
  const direction = order?.column === column ? (order.ascending ? 'ascending' : 'descending') : undefined
  return (
    <th className={number ? 'number' : undefined} aria-sort={direction}>
      <button type="button" className="heading" onClick={() => onOrder(column)} title={`order by ${name}`}>
        <span>{name}</span>
        <span aria-hidden="true">{direction === undefined ? '' : direction === 'ascending' ? ' ↑' : ' ↓'}</span>
      </button>
    </th>
  )
}

type RowProps = {
  readonly run: Run
  readonly columns: readonly RunColumn[]
  readonly chosen: boolean
  readonly onChoose: (run: string) => void
}

function Row({ run, columns, chosen, onChoose }: RowProps) {
  return (
    <tr className={chosen ? 'chosen' : undefined}>
      <td>
        <input type="checkbox" aria-label={`Choose ${run.name}`} checked={chosen} onChange={() => onChoose(run.id)} />
      </td>
      <th scope="row">
        <Link to={runPath(run.experiment, run.id)}>{run.name || run.id}</Link>
      </th>
      <td>
        <RunStatus status={run.status} />
      </td>
      <td>
        <Instant at={run.startedAt} only="age" />
      </td>
      <td className="number">
        <Took run={run} />
      </td>
      {columns.map((column) => (
        <Cell key={column.id} text={cellOf(run, column)} number={column.kind === 'metrics'} />
      ))}
    </tr>
  )
}

const Cell = memo(function Cell({ text, number }: { text: string; number: boolean }) {
  return (
    <td className={number ? 'number' : 'value'} title={text.length > 24 ? text : undefined}>
      {text}
    </td>
  )
})

/** How long a run took, or takes so far. */
export function Took({ run }: { run: Pick<Run, 'startedAt' | 'endedAt'> }) {
  return run.endedAt === null ? <TakesSoFar since={run.startedAt} /> : formatDuration(run.endedAt - run.startedAt)
}

function TakesSoFar({ since }: { since: number }) {
  return formatDuration(useNow() - since)
}
