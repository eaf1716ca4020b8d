import type { Caller } from '../../../contract/endpoint.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import type { Judge, Stretch, Target } from './judge.ts'
import { leadingMetric, realisedError, standingOf } from './standing.ts'
import * as store from './store.ts'

type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly bus: Bus
  readonly jobs: Jobs
  readonly documents: Documents
  readonly telemetry: Pick<Telemetry, 'seriesTraffic' | 'moveUntil'>
}
type Monitor = Declared<'Monitor'>

/** How long after its end a window is estimated: by then what was served in it can be read. */
const SETTLING_MS = 5_000
const LONGEST_BETWEEN_LOOKS_MS = 60_000
const SECONDS_BY_DEFAULT = 3_600
/** After a long absence no more windows than this are made up for. */
const MOST_BEHIND = 48
/** So many of the newest windows are looked at again for labels that have come since. */
const MOST_RECONCILED = 48
const MOST_KEPT = 10_000
/** Windows that a standing rests on. */
const MOST_LOOKED_AT = 200
/** Looked at again once labels are more by this factor. */
const MORE_LABELS = 1.1

const scheduleOf = (kind: 'windows' | 'reconcile', monitor: string) => `estimates-${kind}/${monitor}`
export const windowMsOf = ({ spec }: Monitor) => (spec.windows?.seconds ?? SECONDS_BY_DEFAULT) * 1_000

/** Estimates the windows of every monitor, each once, and again when labels have come; whatever is restarted in between. */
export function createWindows(deps: Deps, judge: Judge) {
  const { sql, clock, bus, jobs, documents } = deps
  for (const [kind, work] of [
    ['estimates.windows', estimateDue],
    ['estimates.reconcile', reconcile],
  ] as const)
    jobs.define(kind, {
      run: async ({ job, payload }) => {
        const monitor = await documents.find('Monitor', job.project, (payload as { monitor: string }).monitor)
        if (monitor) await work(monitor)
      },
    })
  const follow = async ({ project, data }: BusEvent) => {
    const { kind, name } = data as { kind: string; name: string }
    if (kind === 'Monitor') await setSchedule(project, name, await documents.find('Monitor', project, name))
  }
  bus.on('documents.applied', 'estimates-windows', follow)
  bus.on('documents.deleted', 'estimates-windows', follow)

  async function setSchedule(project: string, name: string, monitor: Monitor | undefined): Promise<void> {
    for (const kind of ['windows', 'reconcile'] as const) {
      const schedule = { project, name: scheduleOf(kind, name) }
      if (!monitor) {
        await jobs.unschedule(sql, project, schedule.name)
        continue
      }
      const quarterMs = windowMsOf(monitor) / 4
      // Counting labels reads every row of many windows: not more often than that tells anything.
      const everyMs = kind === 'windows' ? Math.min(LONGEST_BETWEEN_LOOKS_MS, quarterMs) : quarterMs
      await jobs.schedule(sql, { ...schedule, kind: `estimates.${kind}`, payload: { monitor: name }, everyMs })
    }
  }

  async function estimateDue(monitor: Monitor): Promise<void> {
    const lengthMs = windowMsOf(monitor)
    const { name } = monitor.metadata
    const [last] = await store.newestWindows(sql, monitor.project, name, 1)
    const newest = Math.floor((clock.now() - SETTLING_MS) / lengthMs) * lengthMs - lengthMs
    const oldest = Math.max(newest - (MOST_BEHIND - 1) * lengthMs, Math.ceil(monitor.appliedAt / lengthMs) * lengthMs - lengthMs)
    const first = last === undefined ? oldest : Math.max(oldest, Math.ceil((last.estimate.fromMs + 1) / lengthMs) * lengthMs)
    if (first > newest) return
    // After a restart or an outage, rows of these windows may still wait where they were recorded.
    await deps.telemetry.moveUntil(newest + lengthMs + SETTLING_MS / 2)
    const target = await judge.targetOf(monitor)
    for (let fromMs = first; fromMs <= newest; fromMs += lengthMs)
      await save(monitor, await judge.judge(monitor, target, { fromMs, toMs: fromMs + lengthMs }))
    await store.deleteWindowsBefore(sql, monitor.project, name, newest - MOST_KEPT * lengthMs)
  }

  /** Judges again the windows of the version that serves for which labels have come since they were last looked at. */
  async function reconcile(monitor: Monitor): Promise<void> {
    const stored = await store.newestWindows(sql, monitor.project, monitor.metadata.name, MOST_RECONCILED)
    const [newest] = stored
    if (!newest || newest.estimate.modelVersion === null) return
    const lengthMs = windowMsOf(monitor)
    const own = stored.filter(
      ({ estimate }) =>
        estimate.modelVersion === newest.estimate.modelVersion && estimate.toMs - estimate.fromMs === lengthMs && estimate.rows > 0,
    )
    if (own.length === 0) return
    const labelled = await labelledSince(monitor, own.at(-1)!.estimate.fromMs, lengthMs)
    let target: Target | undefined
    for (const window of own.reverse()) {
      const now = labelled.get(window.estimate.fromMs) ?? 0
      if (now === 0 || now < window.labelled * MORE_LABELS) continue
      target ??= await judge.targetOf(monitor)
      // Another version serves by now; what the windows were estimated for is over.
      if (target.version !== window.estimate.modelVersion) return
      const { fromMs, toMs } = window.estimate
      await save(monitor, { ...(await judge.judge(monitor, target, { fromMs, toMs })), labelled: now })
    }
  }

  /** How many rows have a label, by the start of their window. */
  async function labelledSince({ project, spec }: Monitor, fromMs: number, lengthMs: number): Promise<Map<number, number>> {
    const nowMs = clock.now()
    const buckets = Math.floor(nowMs / lengthMs) - fromMs / lengthMs + 1
    const caller: Caller = { id: 'setpoint', project, scopes: new Set(['read']), requestId: 'estimates.windows' }
    const asked = { deployment: spec.deployment, windowMs: buckets * lengthMs, buckets }
    const { points } = await deps.telemetry.seriesTraffic(asked, caller)
    return new Map(points.map((point) => [point.at, point.labelled]))
  }

  /** Keeps a window, and tells what it changes of the standing of its version. */
  async function save(monitor: Monitor, window: store.StoredWindow): Promise<void> {
    const { project, metadata } = monitor
    await sql.transaction(async (tx) => {
      const stored = (await store.newestWindows(tx, project, metadata.name, MOST_LOOKED_AT))
        .filter(({ estimate }) => estimate.modelVersion === window.estimate.modelVersion)
        .reverse()
      const others = stored.filter(({ estimate }) => estimate.fromMs !== window.estimate.fromMs)
      const next = [...others, window].sort((a, b) => a.estimate.fromMs - b.estimate.fromMs)
      const [before, after] = [standingOf(stored), standingOf(next)]
      await store.saveWindow(tx, project, window)
      const metric = leadingMetric(window.estimate.metrics)
      const error = window.estimate.metrics[metric]
      if (after.dropped && !before.dropped)
        await tell(tx, monitor, window, 'estimates.dropped', {
          metric,
          estimated: error!.value,
          ...error!.interval,
          baseline: error!.baseline,
        })
      if (after.contradictedSinceMs !== null && before.contradictedSinceMs === null)
        await tell(tx, monitor, window, 'estimates.contradicted', {
          realised: realisedError(window.estimate),
          expected: window.expectedError?.value,
        })
    })
  }

  async function tell(tx: Tx, { project, metadata, spec }: Monitor, { estimate }: store.StoredWindow, name: string, said: object) {
    const { fromMs, toMs, modelVersion } = estimate
    const data = { monitor: metadata.name, deployment: spec.deployment, modelVersion, fromMs, toMs, ...said }
    await bus.publish(tx, { name, project, subject: metadata.name, data })
  }

  return {
    async start(): Promise<void> {
      for (const monitor of await documents.all('Monitor')) await setSchedule(monitor.project, monitor.metadata.name, monitor)
    },
  }
}

/** The window before a moment, where nobody says which. */
export function stretchFrom(monitor: Monitor, fromMs: number | undefined, toMs: number): Stretch {
  return { fromMs: fromMs ?? Math.max(0, toMs - windowMsOf(monitor)), toMs }
}
