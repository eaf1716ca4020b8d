import { type ReactNode, useEffect, useMemo, useState } from 'react'
import { type Comparison, runs } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'
import { formatInstant, formatNumber, NONE } from '../format.ts'
import { Crumbs } from '../parts/crumbs.tsx'
import { CurveChart } from '../parts/curve-chart.tsx'
import { Link } from '../parts/link.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { ParallelCoordinates } from '../parts/parallel-coordinates.tsx'
import { RunStatus } from '../parts/run-status.tsx'
import { Took } from '../parts/run-table.tsx'
import { Section } from '../parts/section.tsx'
import { experimentPath, runPath } from '../routes.ts'
import { useLive, useNow } from '../use-live.ts'

const MOST_CURVES = 20
const POINTS = 200

/** Runs side by side: what differs between them, and how their metrics went. */
export function ComparePage({ experiment }: { experiment: string }) {
  const { client, base, query } = useConsole()
  const chosen = query.get('runs') ?? ''
  const { value, error } = useLive(
    `${base}/compare/${chosen}`,
    async () => {
      const ids = chosen.split(',').filter((id) => id !== '')
      const { metrics } = await client.call(runs.compare, { runs: ids })
      return await client.call(runs.compare, { runs: ids, curves: metrics.slice(0, MOST_CURVES).map(({ key }) => key), points: POINTS })
    },
    { topics: [], pollMs: 15_000 },
  )
  useEffect(() => {
    document.title = 'Compare runs · Setpoint'
  }, [])
  return (
    <>
      <Crumbs
        above={[
          ['/experiments', 'Experiments'],
          [experimentPath(experiment), 'Runs'],
        ]}
        here="Compare"
      />
      <div className="page-head">
        <h1>{value ? `${value.runs.length} runs compared` : 'Compare runs'}</h1>
      </div>
      {error && <Problem error={error} what="This comparison" stale={value !== undefined} />}
      {!value && !error && <Skeleton rows={3} height={180} />}
      {value && <Content compared={value} />}
    </>
  )
}

function Content({ compared }: { compared: Comparison }) {
  const tones = useMemo(() => new Map(compared.runs.map((run, nth) => [run.id, nth])), [compared.runs])
  const names = useMemo(() => new Map(compared.runs.map((run) => [run.id, run.name || run.id])), [compared.runs])
  const toneOf = (run: string) => tones.get(run) ?? 0
  const nameOf = (run: string) => names.get(run) ?? run
  const curves = Map.groupBy(compared.curves, ({ metric }) => metric)
  const drawn = [...curves].filter(([, of]) => of.some(({ points }) => points.length > 1))
  return (
    <div className="boxes">
      <Section title="What differs" wide>
        <Differences compared={compared} toneOf={toneOf} />
      </Section>
      {compared.coordinates.axes.length > 1 && (
        <Section title="Parallel coordinates" wide>
          <ParallelCoordinates coordinates={compared.coordinates} nameOf={nameOf} toneOf={toneOf} />
        </Section>
      )}
      {drawn.length > 0 && (
        <Section title="Metrics over the runs" wide>
          <div className="metric-grid">
            {drawn.map(([metric, of]) => (
              <div key={metric} className="metric">
                <h3>{metric}</h3>
                <CurveChart
                  metric={metric}
                  curves={of.map(({ run, points }) => ({ id: run, name: nameOf(run), tone: toneOf(run), points }))}
                />
              </div>
            ))}
          </div>
        </Section>
      )}
    </div>
  )
}

function Differences({ compared, toneOf }: { compared: Comparison; toneOf: (run: string) => number }) {
  const [all, setAll] = useState(false)
  const now = useNow()
  const params = compared.params.filter(({ differs }) => all || differs)
  const metrics = compared.metrics.filter(({ differs }) => all || differs)
  const same = compared.params.length + compared.metrics.length - params.length - metrics.length
  return (
    <>
      <div className="table-box">
        <table className="compared">
          <thead>
            <tr>
              <td />
              {compared.runs.map((run) => (
                <th key={run.id} scope="col">
                  <span className={`mark tone-${toneOf(run.id) % 10}`} />
                  <Link to={runPath(run.experiment, run.id)}>{run.name || run.id}</Link>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Line name="status" cells={compared.runs.map((run) => [run.id, <RunStatus key="status" status={run.status} />])} />
            <Line name="started" cells={compared.runs.map((run) => [run.id, formatInstant(run.startedAt, now)])} />
            <Line name="took" cells={compared.runs.map((run) => [run.id, <Took key="took" run={run} />])} />
            {params.length > 0 && <Group title="Params" across={compared.runs.length + 1} />}
            {params.map(({ key, values }) => (
              <Line key={key} name={key} cells={compared.runs.map((run, nth) => [run.id, values[nth] ?? NONE])} />
            ))}
            {metrics.length > 0 && <Group title="Metrics" across={compared.runs.length + 1} />}
            {metrics.map(({ key, values }) => (
              <Line key={key} name={key} cells={compared.runs.map((run, nth) => [run.id, metricText(values[nth])])} />
            ))}
          </tbody>
        </table>
      </div>
      {(same > 0 || all) && (
        <button type="button" className="quiet" onClick={() => setAll(!all)}>
          {all ? 'Only what differs' : `Show what is the same too (${same})`}
        </button>
      )}
    </>
  )
}

const metricText = (value: number | null | undefined) => (value === null || value === undefined ? NONE : formatNumber(value))

function Group({ title, across }: { title: string; across: number }) {
  return (
    <tr className="group">
      <th colSpan={across} scope="colgroup">
        {title}
      </th>
    </tr>
  )
}

function Line({ name, cells }: { name: string; cells: readonly (readonly [run: string, cell: ReactNode])[] }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {cells.map(([run, cell]) => (
        <td key={run} className="figure">
          {cell}
        </td>
      ))}
    </tr>
  )
}
