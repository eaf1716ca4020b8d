import { type ReactNode, useEffect, useState } from 'react'
import { experiments } from '../../../src/contract/experiments.ts'
import { type Run, runs } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'
import { ColumnChoice } from '../parts/column-choice.tsx'
import { Crumbs } from '../parts/crumbs.tsx'
import { ExportRuns } from '../parts/export-runs.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { Link } from '../parts/link.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { RunTable } from '../parts/run-table.tsx'
import { TrackingHint } from '../parts/tracking-hint.tsx'
import { comparePath } from '../routes.ts'
import { columnFrom, columnsOf, orderAfter, orderFrom, orderInAddress, orderText, usualColumns } from '../run-columns.ts'
import { useLive } from '../use-live.ts'
import { usePages } from '../use-pages.ts'

const PER_PAGE = 50
const MOST_COMPARED = 100

/** The runs of an experiment as a table that is filtered, ordered and read in pages by the server. */
export function ExperimentPage({ id }: { id: string }) {
  const { client, base, query } = useConsole()
  const adjust = useAdjust()
  const filter = query.get('filter') ?? ''
  const order = orderFrom(query.get('order'))
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())

  const { value: experiment, error: missing } = useLive(
    `${base}/experiment/${id}`,
    () => client.call(experiments.get, { experiment: id }),
    {
      topics: [],
      pollMs: 60_000,
    },
  )
  const orderBy = order ? [orderText(order)] : []
  const load = async (page: string | undefined) => {
    const found = await client.call(runs.search, { experiments: [id], filter: filter || undefined, orderBy, page, limit: PER_PAGE })
    return { items: found.runs, next: found.next }
  }
  const { items, error, busy, more } = usePages(`${base}/${id}/${filter}/${query.get('order') ?? ''}`, load, 10_000)
  useEffect(() => {
    document.title = `${experiment?.name ?? 'Experiment'} · Setpoint`
  }, [experiment])

  const wanted = query.getAll('column').flatMap((column) => columnFrom(column) ?? [])
  const columns = wanted.length > 0 ? wanted : usualColumns(items ?? [])
  const toggle = (run: string) =>
    setChosen((before) => (before.has(run) ? new Set([...before].filter((id) => id !== run)) : new Set([...before, run])))
  return (
    <>
      <Crumbs above={[['/experiments', 'Experiments']]} here={experiment?.name ?? id} />
      <div className="page-head">
        <h1>{experiment?.name ?? 'Experiment'}</h1>
        {experiment?.tags['mlflow.note.content'] && <p className="dim">{experiment.tags['mlflow.note.content']}</p>}
        <span className="grow" />
        <CompareLink experiment={id} chosen={[...chosen]} />
        <ColumnChoice
          offered={columnsOf(items ?? [])}
          shown={columns}
          onChange={(next) =>
            adjust(
              'column',
              next.map((column) => column.id),
            )
          }
        />
      </div>
      {missing && <Problem error={missing} what="This experiment" stale={experiment !== undefined} />}
      <FilterBox key={filter} filter={filter} error={error} onFilter={(next) => adjust('filter', [next])} />
      {!items && !error && <Skeleton rows={8} height={34} />}
      {items && items.length > 0 && (
        <RunTable
          runs={items}
          columns={columns}
          order={order}
          busy={busy}
          chosen={chosen}
          onChoose={toggle}
          onOrder={(column) => adjust('order', [orderInAddress(orderAfter(order, column))])}
        />
      )}
      {items?.length === 0 && !busy && !error && <Nothing filtered={filter !== ''} />}
      <Foot shown={items} busy={busy} more={more}>
        <ExportRuns experiment={id} filter={filter} orderBy={orderBy} />
      </Foot>
    </>
  )
}

/** Puts values into the query of the address; an empty one is left out. */
function useAdjust(): (name: string, values: readonly string[]) => void {
  const { query, adjust } = useConsole()
  return (name, values) => {
    const next = new URLSearchParams(query)
    next.delete(name)
    for (const value of values) if (value !== '') next.append(name, value)
    adjust(next)
  }
}

function CompareLink({ experiment, chosen }: { experiment: string; chosen: readonly string[] }) {
  if (chosen.length < 2)
    return <span className="dim">{chosen.length === 1 ? 'choose another run to compare' : 'choose runs to compare'}</span>
  if (chosen.length > MOST_COMPARED) return <span className="dim">at most {MOST_COMPARED} runs can be compared</span>
  return (
    <Link to={comparePath(experiment, chosen)} className="button primary">
      Compare {chosen.length} runs
    </Link>
  )
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) return <p className="dim">No run fits this filter.</p>
  return <TrackingHint title="No run yet">A run shows here as soon as it has begun, with what it logs while it goes on.</TrackingHint>
}

type FootProps = {
  readonly shown: readonly Run[] | undefined
  readonly busy: boolean
  readonly more: (() => void) | undefined
  readonly children: ReactNode
}

function Foot({ shown, busy, more, children }: FootProps) {
  if (!shown || shown.length === 0) return null
  return (
    <div className="foot dim">
      <p>
        {shown.length} {shown.length === 1 ? 'run' : 'runs'} {more ? 'so far' : 'in all'}
      </p>
      {more && (
        <button type="button" onClick={more} disabled={busy}>
          More runs
        </button>
      )}
      {children}
    </div>
  )
}
