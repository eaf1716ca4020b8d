import { useEffect } from 'react'
import { drift, type MonitorState } from '../../../src/contract/drift.ts'
import { estimates } from '../../../src/contract/estimates.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatDuration } from '../format.ts'
import { Crumbs } from '../parts/crumbs.tsx'
import { DetectionCard } from '../parts/detection-card.tsx'
import { DriftColumns } from '../parts/drift-columns.tsx'
import { EstimateChart } from '../parts/estimate-chart.tsx'
import { EvidenceBar } from '../parts/evidence-bar.tsx'
import { Pill, Problem, Skeleton } from '../parts/notes.tsx'
import { Section } from '../parts/section.tsx'
import { WindowStrip } from '../parts/window-strip.tsx'
import { reportAddress } from '../places.ts'
import { deploymentPath } from '../routes.ts'
import { useLive } from '../use-live.ts'

const POLL_MS = 10_000
const SLOW_POLL_MS = 60_000
const WINDOWS_SHOWN = 96
const DETECTIONS_SHOWN = 20

/** One monitor: evidence, windows, the newest report, quality without labels, and what its detections were about. */
export function MonitorPage({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value: monitor, error } = useLive(`${base}/monitor/${name}`, () => client.call(drift.getMonitor, { monitor: name }), {
    topics: ['drift', 'documents'],
    pollMs: POLL_MS,
  })
  useEffect(() => {
    document.title = `${name} · Setpoint`
  }, [name])
  return (
    <>
      <Crumbs
        above={[['/', 'Overview'], ...(monitor ? [[deploymentPath(monitor.deployment), monitor.deployment] as const] : [])]}
        here={name}
      />
      <div className="page-head">
        <h1>Monitor {name}</h1>
        {monitor && <State monitor={monitor} />}
      </div>
      {error && <Problem error={error} what="This monitor" stale={monitor !== undefined} />}
      {!monitor && !error && <Skeleton rows={4} height={80} />}
      {monitor?.problem && <p className="inline-problem">{monitor.problem}</p>}
      {monitor && (
        <div className="boxes">
          <Section title="Evidence against the reference" wide aside={<Budget monitor={monitor} />}>
            <Evidence monitor={monitor} />
          </Section>
          <Section title="Windows" wide>
            <Windows name={name} />
          </Section>
          <Section title="Error without labels" wide>
            <Estimated name={name} />
          </Section>
          <Section title="Detections" wide>
            <Detections name={name} />
          </Section>
          <Section title="The newest window, column by column" wide>
            <Report name={name} />
          </Section>
        </div>
      )}
    </>
  )
}

function State({ monitor: { ready, signals, modelVersion } }: { monitor: MonitorState }) {
  if (!ready) return <Pill tone="unknown">cannot watch yet</Pill>
  const alarmed = signals.some((signal) => signal.alarmed)
  return (
    <>
      <Pill tone={alarmed ? 'bad' : 'good'}>{alarmed ? 'alarm' : 'quiet'}</Pill>
      <span className="dim">watches version {modelVersion}</span>
    </>
  )
}

function Budget({ monitor: { budget } }: { monitor: MonitorState }) {
  const every = budget.unit === 'rows' ? `${formatCount(budget.every)} rows` : formatDuration(budget.every * 1_000)
  return <span className="dim">at most one false alarm in {every} on average</span>
}

function Evidence({ monitor: { signals } }: { monitor: MonitorState }) {
  if (signals.length === 0) return <p className="dim">Nothing is watched yet.</p>
  return (
    <div className="signals">
      {signals.map(({ signal, rows, evidence, threshold, alarmed, streams }) => (
        <div key={signal} className="signal">
          <h3>
            {signal === 'features' ? 'Inputs and score' : 'Labelled error'}, {formatCount(rows)} rows
          </h3>
          <EvidenceBar name="all together" evidence={evidence} threshold={threshold} alarmed={alarmed} />
          {streams.length > 1 &&
            streams.map((stream) => (
              <EvidenceBar key={stream.stream} name={stream.stream} evidence={stream.evidence} threshold={threshold} />
            ))}
        </div>
      ))}
    </div>
  )
}

function Windows({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/windows/${name}`,
    () => client.call(drift.listWindows, { monitor: name, limit: WINDOWS_SHOWN }),
    { topics: ['drift'], pollMs: SLOW_POLL_MS },
  )
  if (!value) return error ? <Problem error={error} what="Windows" stale={false} /> : <Skeleton rows={1} height={48} />
  return <WindowStrip windows={value} />
}

function Estimated({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/estimates/${name}`,
    () => client.call(estimates.listEstimates, { monitor: name, limit: WINDOWS_SHOWN }),
    { topics: ['estimates'], pollMs: SLOW_POLL_MS },
  )
  if (!value) return error ? <Problem error={error} what="Estimates" stale={false} /> : <Skeleton rows={1} height={220} />
  const [newest] = value
  if (!newest) return <p className="dim">No window has been estimated yet.</p>
  return (
    <>
      {newest.suspicion && <p className="inline-problem">{newest.suspicion}.</p>}
      <EstimateChart estimates={value} />
    </>
  )
}

function Detections({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value, error, reload } = useLive(
    `${base}/detections-of/${name}`,
    () => client.call(drift.listDetections, { monitor: name, limit: DETECTIONS_SHOWN }),
    { topics: ['drift'], pollMs: SLOW_POLL_MS },
  )
  if (!value) return error ? <Problem error={error} what="Detections" stale={false} /> : <Skeleton rows={1} height={80} />
  if (value.length === 0) return <p className="dim">Nothing has been detected.</p>
  return (
    <ul className="detections">
      {value.map((detection, i) => (
        <DetectionCard key={detection.id} detection={detection} open={i === 0} onDone={reload} />
      ))}
    </ul>
  )
}

function Report({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/report/${name}`, () => newestReport(), { topics: [], pollMs: SLOW_POLL_MS })
  if (!value) return error ? <p className="dim">{error.message}</p> : <Skeleton rows={3} height={40} />
  return (
    <>
      <DriftColumns report={value.report} />
      <p>
        <a href={reportAddress(base, name, value.window)} download>
          Download the report
        </a>{' '}
        <span className="dim">as a page that stands by itself</span>
      </p>
    </>
  )

  /** Of the newest window that could be judged; without any, of the traffic until now. */
  async function newestReport() {
    const judged = await client.call(drift.listWindows, { monitor: name, limit: WINDOWS_SHOWN })
    const window = judged.find(({ verdict }) => verdict !== 'insufficient_data')
    const stretch = window ? { fromMs: window.fromMs, toMs: window.toMs } : {}
    return { window, report: await client.call(drift.compareWindow, { monitor: name, ...stretch }) }
  }
}
