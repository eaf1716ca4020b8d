import { Readable } from 'node:stream'
import type { Detection, DriftSignal, drift, MonitorState } from '../../../contract/drift.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { reportPage } from '../../../lib/drift/report/html/page.ts'
import type { Incidents } from '../../change/incidents/index.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { LabelledPair } from '../labels/index.ts'
import type { Segment, Telemetry } from '../telemetry/index.ts'
import { budgetOf } from './budget.ts'
import { createConsumers } from './consume.ts'
import { createNote } from './detect.ts'
import { SIGNALS } from './feature-watch.ts'
import { createFreeze, createReferenceTables, type Freeze, shownProfile } from './reference.ts'
import { reviewOf } from './review.ts'
import { createSeasons } from './season.ts'
import { createSimulate } from './simulate.ts'
import * as store from './store.ts'
import { createTargets, type Opened } from './target.ts'
import { createWindowReport, windowsOf } from './window-report.ts'
import { createWindows } from './windows.ts'

export type Drift = Verbs<typeof drift> & {
  /** Freezes the reference of a version from labelled rows and the scores the version gives them. Once only: a second call changes nothing. */
  freezeProfile(sample: Freeze): Promise<void>
  /** Whether a version’s profile is frozen already. */
  hasProfile(project: string, model: string, version: number): Promise<boolean>
  /** Watches the predictions of a segment; the same segment counts once. */
  consumeSegment(segment: Segment): Promise<void>
  /** Watches newly labelled rows; the same segment counts once. */
  consumePairs(segmentId: string, pairs: readonly LabelledPair[]): Promise<void>
  /** How often each signal has crossed its threshold since the last reset; a second crossing rests on new rows only. */
  crossings(project: string, monitor: string): Promise<Readonly<Record<DriftSignal, number>>>
  /** Whether drift that lasted over windows of the champion is not over yet. */
  hasLasted(project: string, monitor: string): Promise<boolean>
  getDetection(project: string, id: string): Promise<Detection | undefined>
  /** What the monitor watches against, and since when. */
  reference(
    project: string,
    monitor: string,
  ): Promise<{ version: number; profile: store.StoredProfile; watchedSinceMs: number; threshold: number } | undefined>
  /** Begins to judge the windows of monitors that declare them. */
  start(): Promise<void>
  /** Starts a monitor afresh: the champion changed, or what it found was dealt with. */
  reset(project: string, monitor: string): Promise<void>
}

type Deps = {
  sql: Sql
  blobs: Blobs
  jobs: Jobs
  calculations: Calculations
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  documents: Documents
  registry: Registry
  quarantine: QuarantineWindows
  telemetry: Pick<Telemetry, 'sampleRows' | 'summarizeTraffic' | 'moveUntil'>
  /** Whether the quality that is estimated without labels has dropped. */
  hasDropped: (project: string, monitor: string) => Promise<boolean>
  incidents: Pick<Incidents, 'listIncidents'>
}

export function createDrift(deps: Deps): Drift {
  const { sql, documents, registry, ledger } = deps
  const detections = store.createDetections(sql)
  const tables = createReferenceTables(deps.blobs, deps.clock)
  const targets = createTargets({ ...deps, tables })
  const { reset } = targets
  const report = createWindowReport({ ...deps, tables })
  const windows = createWindows({ ...deps, tables }, targets, report)

  async function stateOf(document: Declared<'Monitor'>): Promise<MonitorState> {
    const opened = await targets.look(document)
    const kept = opened && (await store.findMonitor(sql, document.project, document.metadata.name))
    return shownMonitor(document, opened, opened ? tables.problemOf(opened.reference) : null, kept?.changedAt ?? document.appliedAt)
  }

  return {
    reset,
    start: windows.start,
    ...createJudgement({ ...deps, detections }),
    ...createReports(deps, targets, report),
    ...createSeasons(deps, targets),
    ...createSimulate({ ...deps, tables }, targets),
    freezeProfile: createFreeze(deps),
    hasProfile: async (project, model, version) => (await store.findProfile(sql, project, model, version)) !== undefined,
    ...createConsumers(deps, targets, createNote({ ...deps, detections })),
    async crossings(project, monitor) {
      const state = (await store.findMonitor(sql, project, monitor))?.state
      return { features: state?.features.crossings ?? 0, error: state?.error.crossings ?? 0 }
    },
    async hasLasted(project, monitor) {
      const document = await documents.find('Monitor', project, monitor)
      const opened = document && (await targets.look(document))
      const [newest] = await store.newestWindows(sql, project, monitor, 1)
      return newest?.standing === 'sustained' && newest.modelVersion === opened?.monitor.version
    },
    getDetection: (project, id) => detections.find(sql, project, id),
    async reference(project, monitor) {
      const document = await documents.find('Monitor', project, monitor)
      const opened = document && (await targets.look(document))
      if (!opened) return undefined
      const { monitor: watched, reference: profile, threshold } = opened
      return { version: watched.version!, profile, watchedSinceMs: watched.resetAt, threshold }
    },
    async listMonitors({ deployment }, caller) {
      const all = await documents.all('Monitor', caller.project)
      return await Promise.all(all.filter(({ spec }) => deployment === undefined || spec.deployment === deployment).map(stateOf))
    },
    async getMonitor({ monitor }, caller) {
      return await stateOf(await documents.need('Monitor', caller.project, monitor))
    },
    async resetMonitor({ monitor, reason }, caller) {
      const document = await documents.need('Monitor', caller.project, monitor)
      await reset(caller.project, monitor)
      const subject = `monitor/${caller.project}/${monitor}`
      await sql.transaction((tx) => ledger.note(tx, { caller, reason, operation: 'drift.resetMonitor', subject }))
      return await stateOf(document)
    },
    async listDetections({ monitor, deployment, limit }, caller) {
      const found = await detections.list(sql, { project: caller.project, deployment, limit })
      return monitor === undefined ? found : found.filter((detection) => detection.monitor === monitor)
    },
    async getProfile({ model, version }, caller) {
      await registry.version(caller.project, model, version)
      const found = await store.findProfile(sql, caller.project, model, version)
      if (found) return shownProfile(model, version, found)
      throw new AppError(
        'not_found',
        `model ${model} version ${version} has no reference profile; it was registered without reference rows`,
      )
    },
  }
}

const STREAMS_SHOWN = 12
const NO_REFERENCE = 'the champion has no frozen reference yet; register it with reference rows'
const DAY_MS = 86_400_000
const MOST_REVIEWED = 1_000
/** A detection so long before an incident counts as its warning. */
const FOREWARNED_MS = 7 * DAY_MS

/** A monitor as the API shows it: what it watches and what each signal has seen, or why it cannot watch, or not all, yet. */
function shownMonitor(
  { metadata, spec }: Declared<'Monitor'>,
  opened: Opened | undefined,
  problem: string | null,
  changedAt: number,
): MonitorState {
  const shared = { name: metadata.name, deployment: spec.deployment, budget: budgetOf(spec.falseAlarmBudget), changedAt }
  if (!opened) {
    return { ...shared, modelVersion: null, ready: false, problem: NO_REFERENCE, signals: [], detectors: [] }
  }
  const signals = (['features', 'error'] as const).map((signal) => {
    const { shown, crossings } = opened.monitor[signal]
    return {
      signal,
      rows: shown.rows,
      evidence: shown.evidence,
      threshold: shown.threshold || shared.budget.every * SIGNALS,
      alarmed: crossings > 0,
      streams: shown.streams.slice(0, STREAMS_SHOWN),
    }
  })
  return { ...shared, modelVersion: opened.monitor.version, ready: true, problem, signals, detectors: shownDetectors(opened) }
}

/** What a person says of a detection, and what months of that come to. */
function createJudgement({
  sql,
  clock,
  ledger,
  bus,
  documents,
  telemetry,
  incidents,
  detections,
}: Deps & { detections: store.Detections }) {
  return {
    async judgeDetection({ id, judgement, reason }, caller) {
      return await sql.transaction(async (tx) => {
        const found = await detections.lock(tx, caller.project, id)
        if (!found)
          throw new AppError('not_found', `project ${caller.project} has no detection ${id}; see "setpoint drift list-detections"`)
        const judged: Detection = { ...found, judgement: { verdict: judgement, by: caller.id, at: clock.now(), reason } }
        await detections.save(tx, judged)
        await ledger.note(tx, { caller, reason, operation: 'drift.judgeDetection', subject: `detection/${id}` })
        const data = { monitor: found.monitor, deployment: found.deployment, judgement }
        await bus.publish(tx, { name: 'drift.judged', project: caller.project, subject: id, data })
        return judged
      })
    },
    async reviewMonitor({ monitor, days }, caller) {
      const { spec } = await documents.need('Monitor', caller.project, monitor)
      const untilMs = clock.now()
      const sinceMs = Math.max(0, untilMs - days * DAY_MS)
      const newest = await detections.list(sql, { project: caller.project, deployment: spec.deployment, limit: MOST_REVIEWED })
      const own = newest.filter((one) => one.monitor === monitor && one.at >= sinceMs)
      const traffic = await telemetry.summarizeTraffic({ deployment: spec.deployment, windowMs: untilMs - sinceMs }, caller)
      const opened = await incidents.listIncidents({ deployment: spec.deployment, limit: MOST_REVIEWED }, caller)
      const byPeople = opened.filter(
        ({ openedAt, loopRun, timeline }) => openedAt >= sinceMs && loopRun === null && timeline[0]?.actor !== 'setpoint',
      )
      const missed = byPeople.filter(({ openedAt }) => !own.some(({ at }) => at <= openedAt && at > openedAt - FOREWARNED_MS))
      const rows = traffic.deployments[0]?.requests ?? 0
      return reviewOf({ monitor, spec, sinceMs, untilMs, rows, detections: own, missed: missed.length })
    },
  } satisfies Partial<Drift>
}

/** Windows held against the reference: one that somebody asks for, and those that were judged. */
function createReports(
  { sql, clock, documents }: Deps,
  targets: ReturnType<typeof createTargets>,
  report: ReturnType<typeof createWindowReport>,
) {
  const compareWindow: Drift['compareWindow'] = async ({ monitor, fromMs, toMs = clock.now() }, caller) => {
    const document = await documents.need('Monitor', caller.project, monitor)
    const from = fromMs ?? Math.max(0, toMs - windowsOf(document).seconds * 1_000)
    if (from >= toMs) throw new AppError('invalid', `the window ends at ${toMs}, before it begins at ${from}; give fromMs below toMs`)
    const opened = await targets.look(document)
    if (!opened) throw new AppError('conflict', `Monitor ${monitor} cannot compare: ${NO_REFERENCE}`)
    return await report(document, opened, { fromMs: from, toMs })
  }

  return {
    compareWindow,
    async downloadReport({ toMs = clock.now(), ...asked }, caller) {
      const found = await compareWindow({ ...asked, toMs }, caller)
      const { metadata, spec } = await documents.need('Monitor', caller.project, asked.monitor)
      const page = Buffer.from(reportPage(found, `Monitor ${metadata.name} of deployment ${spec.deployment}, project ${caller.project}`))
      const ending = new Date(toMs).toISOString().slice(0, 16).replace(':', '')
      return {
        contentType: 'text/html; charset=utf-8',
        filename: `drift-${metadata.name}-${ending}.html`,
        sizeBytes: page.length,
        stream: Readable.from([page]),
      }
    },
    async listWindows({ monitor, limit }, caller) {
      await documents.need('Monitor', caller.project, monitor)
      const found = await store.newestWindows(sql, caller.project, monitor, limit)
      return found.map(({ after: _, ...window }) => window)
    },
  } satisfies Partial<Drift>
}

function shownDetectors({ monitor }: Opened): MonitorState['detectors'] {
  return monitor.spec.detectors.map(({ name, kind, on }) => {
    const { rows = 0, warnings = 0, drifts = 0, lastDriftMs = null } = monitor.others?.[name] ?? {}
    return { name, kind, on, rows, warnings, drifts, lastDriftMs }
  })
}
