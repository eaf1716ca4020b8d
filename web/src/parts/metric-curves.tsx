import { useMemo, useState } from 'react'
import { type Run, runs } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'
import type { CurvePoint } from '../curves.ts'
import { formatNumber } from '../format.ts'
import { useLive } from '../use-live.ts'
import { CurveChart } from './curve-chart.tsx'
import { Problem, Skeleton } from './notes.tsx'

const SHOWN = 24
const POINTS = 1_000

/** The metrics of a run: the latest value of each, and how those went that were measured more than once. */
export function MetricCurves({ run }: { run: Run }) {
  const [words, setWords] = useState('')
  const [shown, setShown] = useState(SHOWN)
  const names = useMemo(() => namesOf(run).filter((name) => name.toLowerCase().includes(words.trim().toLowerCase())), [run, words])
  const count = Object.keys(run.metrics).length
  if (count === 0) return <p className="dim">No metric was logged.</p>
  return (
    <>
      {count > SHOWN / 2 && (
        <input
          type="search"
          className="search"
          placeholder={`Find one of ${count}`}
          aria-label="Find a metric"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      )}
      <Histories run={run} names={names.slice(0, shown)} />
      {names.length > shown && (
        <button type="button" className="more" onClick={() => setShown(shown + SHOWN)}>
          More metrics
        </button>
      )}
    </>
  )
}

/** By name; what the machine did comes after what the model did. */
function namesOf(run: Run): string[] {
  const isSystem = (name: string) => name.startsWith('system/')
  return Object.keys(run.metrics).sort((a, b) => Number(isSystem(a)) - Number(isSystem(b)) || (a < b ? -1 : 1))
}

function Histories({ run, names }: { run: Run; names: readonly string[] }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/histories/${run.id}/${names.join('\n')}`,
    async () => {
      const read = (metric: string) => client.call(runs.history, { run: run.id, metric, points: POINTS })
      return await Promise.all(names.map(async (name) => ({ name, points: await read(name) })))
    },
    { topics: [], pollMs: run.status === 'RUNNING' ? 5_000 : 600_000 },
  )
  const curves = value?.filter(({ points }) => points.length > 1) ?? []
  const single = names.filter((name) => !curves.some((curve) => curve.name === name))
  return (
    <>
      {error && <Problem error={error} what="The curves" stale={value !== undefined} />}
      {single.length > 0 && (
        <dl className="single-metrics">
          {single.map((name) => (
            <div key={name}>
              <dt title={name}>{name}</dt>
              <dd className="figure strong">{formatNumber(run.metrics[name] ?? null)}</dd>
            </div>
          ))}
        </dl>
      )}
      {!value && !error && <Skeleton rows={1} height={200} />}
      <div className="metric-grid">
        {curves.map(({ name, points }) => (
          <Metric key={name} run={run} name={name} points={points} />
        ))}
      </div>
    </>
  )
}

function Metric({ run, name, points }: { run: Run; name: string; points: readonly CurvePoint[] }) {
  const curves = useMemo(() => [{ id: run.id, name: run.name, tone: 0, points }], [points, run.id, run.name])
  return (
    <div className="metric">
      <h3 title={name}>{name}</h3>
      <p className="figure strong">{formatNumber(run.metrics[name] ?? null)}</p>
      <CurveChart metric={name} curves={curves} />
    </div>
  )
}
