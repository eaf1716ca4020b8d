import { useMemo, useState } from 'react'
import { type Run, runs } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'
import { formatNumber } from '../format.ts'
import { useLive } from '../use-live.ts'
import { CurveChart } from './curve-chart.tsx'

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
      <div className="metric-grid">
        {names.slice(0, shown).map((name) => (
          <Metric key={name} run={run} name={name} />
        ))}
      </div>
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

function Metric({ run, name }: { run: Run; name: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/history/${run.id}/${name}`,
    () => client.call(runs.history, { run: run.id, metric: name, points: POINTS }),
    { topics: [], pollMs: run.status === 'RUNNING' ? 5_000 : 600_000 },
  )
  const curves = useMemo(() => (value ? [{ id: run.id, name: run.name, tone: 0, points: value }] : []), [value, run.id, run.name])
  const isCurve = (value?.length ?? 0) > 1
  return (
    <div className={isCurve ? 'metric curve-of' : 'metric'}>
      <h3 title={name}>{name}</h3>
      <p className="figure strong">{formatNumber(run.metrics[name] ?? null)}</p>
      {error && <p className="inline-problem">{error.message}</p>}
      {isCurve && <CurveChart metric={name} curves={curves} />}
    </div>
  )
}
