import type { DriftSignal, WindowState } from '../../../contract/drift.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { DriftReport } from '../../../lib/drift/report/report.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import type { ReferenceTables } from './reference.ts'
import { type StandingChange, standingAfter } from './standing.ts'
import * as store from './store.ts'
import type { Opened, Targets } from './target.ts'
import type { createWindowReport } from './window-report.ts'

type Deps = {
  sql: Sql
  clock: Clock
  bus: Bus
  jobs: Jobs
  documents: Documents
  telemetry: Pick<Telemetry, 'moveUntil'>
  tables: Pick<ReferenceTables, 'problemOf'>
  hasDropped: (project: string, monitor: string) => Promise<boolean>
}
type Monitor = Declared<'Monitor'>
type Report = ReturnType<typeof createWindowReport>

/** How long after its end a window is judged: by then what was served in it can be read. */
const SETTLING_MS = 5_000
const LONGEST_BETWEEN_LOOKS_MS = 60_000
/** After a long absence no more windows than this are made up for. */
const MOST_BEHIND = 48
const MOST_KEPT = 10_000
const COLUMNS_TOLD = 5

const scheduleOf = (monitor: string) => `drift-windows/${monitor}`

/** Judges the windows of every monitor that declares them, each once, whatever is restarted in between. */
export function createWindows(deps: Deps, targets: Targets, report: Report) {
  const { sql, clock, bus, jobs, documents } = deps
  jobs.define('drift.windows', {
    run: async ({ job, payload }) => {
      const monitor = await documents.find('Monitor', job.project, (payload as { monitor: string }).monitor)
      if (monitor?.spec.windows) await judgeDue(monitor)
    },
  })
  const follow = async ({ project, data }: BusEvent) => {
    const { kind, name } = data as { kind: string; name: string }
    if (kind === 'Monitor') await setSchedule(project, name, await documents.find('Monitor', project, name))
  }
  bus.on('documents.applied', 'drift-windows', follow)
  bus.on('documents.deleted', 'drift-windows', follow)

  async function setSchedule(project: string, monitor: string, document: Monitor | undefined): Promise<void> {
    const windows = document?.spec.windows
    if (!windows) return await jobs.unschedule(sql, project, scheduleOf(monitor))
    const everyMs = Math.min(LONGEST_BETWEEN_LOOKS_MS, (windows.seconds * 1_000) / 4)
    await jobs.schedule(sql, { project, name: scheduleOf(monitor), kind: 'drift.windows', payload: { monitor }, everyMs })
  }

  async function judgeDue(monitor: Monitor): Promise<void> {
    const lengthMs = monitor.spec.windows!.seconds * 1_000
    const name = monitor.metadata.name
    const [last] = await store.newestWindows(sql, monitor.project, name, 1)
    const newest = Math.floor((clock.now() - SETTLING_MS) / lengthMs) * lengthMs - lengthMs
    const oldest = Math.max(newest - (MOST_BEHIND - 1) * lengthMs, Math.ceil(monitor.appliedAt / lengthMs) * lengthMs - lengthMs)
    const first = last === undefined ? oldest : Math.max(oldest, Math.ceil((last.fromMs + 1) / lengthMs) * lengthMs)
    if (first > newest) return
    // After a restart or an outage, rows of these windows may still wait where they were recorded.
    await deps.telemetry.moveUntil(newest + lengthMs + SETTLING_MS / 2)
    for (let fromMs = first; fromMs <= newest; fromMs += lengthMs) {
      // Without a reference there is nothing to judge by; what passes meanwhile is not made up for.
      const opened = await targets.look(monitor)
      if (!opened) return
      await judge(monitor, opened, fromMs, fromMs + lengthMs)
    }
    if (last) await store.deleteWindowsBefore(sql, monitor.project, name, newest - MOST_KEPT * lengthMs)
  }

  async function judge(monitor: Monitor, opened: Opened, fromMs: number, toMs: number): Promise<void> {
    const { project, spec } = monitor
    const found = await reportOrProblem(monitor, opened, { fromMs, toMs })
    const earlier = await store.newestWindows(sql, project, opened.name, Math.max(spec.windows!.sustained.of * 4, 20))
    const own = earlier.filter(({ modelVersion }) => modelVersion === opened.monitor.version).reverse()
    const state = windowState(opened, found, fromMs, toMs)
    const dropped = await deps.hasDropped(project, opened.name)
    const { standing, change } = standingAfter(own.at(-1)?.after ?? { kind: 'calm' }, [...own, state], spec.windows!)
    await sql.transaction(async (tx) => {
      const isNew = await store.insertWindow(tx, project, { ...state, standing: standing.kind, after: standing })
      if (isNew && change && 'columns' in found) await tell(tx, opened, found, change, dropped)
    })
  }

  /** A window whose reference is lost is not judged, and says so: the detectors need no more than its bins, and go on. */
  async function reportOrProblem(monitor: Monitor, opened: Opened, stretch: Stretch): Promise<DriftReport | Lost> {
    try {
      return await report(monitor, opened, stretch)
    } catch (error) {
      const reason = deps.tables.problemOf(opened.reference)
      if (reason === null) throw error
      return { ...NOTHING, reason }
    }
  }

  /** What lasted is told with what agrees with it: only then may anybody be woken. */
  async function tell(
    tx: Tx,
    { monitor, project, name }: Opened,
    found: DriftReport,
    change: StandingChange,
    dropped: boolean,
  ): Promise<void> {
    const { deployment } = monitor.spec
    const shared = { monitor: name, deployment, key: change.key }
    if (change.kind === 'cleared') return await bus.publish(tx, { name: 'drift.cleared', project, subject: name, data: shared })
    const columns = driftedColumns(found)
    const agreeing = [...corroboration(found, monitor), ...(dropped ? ['the estimated quality dropped'] : [])]
    const data = {
      ...shared,
      severity: change.severity,
      since: change.sinceMs,
      columns: columns.slice(0, COLUMNS_TOLD),
      agreeing,
      reason: found.reason,
    }
    await bus.publish(tx, { name: 'drift.sustained', project, subject: name, data })
  }

  return {
    async start(): Promise<void> {
      for (const monitor of await documents.all('Monitor')) await setSchedule(monitor.project, monitor.metadata.name, monitor)
    },
    judgeDue,
  }
}

type Stretch = { readonly fromMs: number; readonly toMs: number }
type Lost = Pick<DriftReport, 'verdict' | 'severity' | 'reason' | 'driftedShare'>
const NOTHING = { verdict: 'insufficient_data', severity: 'none', driftedShare: 0 } as const

function windowState({ monitor, name }: Opened, found: DriftReport | Lost, fromMs: number, toMs: number): WindowState {
  const { verdict, severity, reason, driftedShare } = found
  return {
    monitor: name,
    deployment: monitor.spec.deployment,
    modelVersion: monitor.version!,
    fromMs,
    toMs,
    rows: 'current' in found ? found.current.rows : 0,
    verdict,
    severity,
    reason,
    driftedShare,
    columns: 'columns' in found ? driftedColumns(found) : [],
    standing: 'calm',
  }
}

function driftedColumns({ columns }: DriftReport): string[] {
  return columns
    .filter(({ verdict }) => verdict === 'drift')
    .sort((a, b) => (b.effect?.value ?? 1) - (a.effect?.value ?? 1))
    .map(({ name }) => name)
}

/** The second signals that agree with drift of the inputs: what the model says moved, what is true moved, or its labelled error rose. */
function corroboration({ columns }: DriftReport, monitor: Opened['monitor']): string[] {
  const moved = columns.filter(({ role, verdict }) => role !== 'feature' && verdict === 'drift').map(({ role }) => `${role} drift`)
  const signals: readonly DriftSignal[] = ['error']
  const crossed = signals.filter((signal) => monitor[signal].crossings > 0).map(() => 'the labelled error rose')
  return [...moved, ...crossed]
}
