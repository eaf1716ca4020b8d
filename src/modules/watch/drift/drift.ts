import type { Detection, DriftSignal, drift, MonitorState } from '../../../contract/drift.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { LabelledPair } from '../labels/index.ts'
import type { Segment } from '../telemetry/index.ts'
import { createConsumers } from './consume.ts'
import { createNote } from './detect.ts'
import { createFreeze, type Freeze, shownProfile } from './reference.ts'
import * as store from './store.ts'
import { createTargets, type Opened } from './target.ts'
import { budgetRows } from './watching.ts'

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
  getDetection(project: string, id: string): Promise<Detection | undefined>
  /** What the monitor watches against, and since when. */
  reference(
    project: string,
    monitor: string,
  ): Promise<{ version: number; profile: store.StoredProfile; watchedSinceMs: number; threshold: number } | undefined>
  /** Starts a monitor afresh: the champion changed, or what it found was dealt with. */
  reset(project: string, monitor: string): Promise<void>
}

type Deps = {
  sql: Sql
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  documents: Documents
  registry: Registry
  quarantine: QuarantineWindows
}

export function createDrift(deps: Deps): Drift {
  const { sql, documents, registry, ledger } = deps
  const detections = store.createDetections(sql)
  const targets = createTargets(deps)
  const { reset } = targets

  async function stateOf(document: Declared<'Monitor'>): Promise<MonitorState> {
    const opened = await targets.look(document)
    const kept = opened && (await store.findMonitor(sql, document.project, document.metadata.name))
    return shownMonitor(document, opened, kept?.changedAt ?? document.appliedAt)
  }

  return {
    reset,
    freezeProfile: createFreeze(deps),
    hasProfile: async (project, model, version) => (await store.findProfile(sql, project, model, version)) !== undefined,
    ...createConsumers(deps, targets, createNote({ ...deps, detections })),
    async crossings(project, monitor) {
      const state = (await store.findMonitor(sql, project, monitor))?.state
      return { features: state?.features.crossings ?? 0, error: state?.error.crossings ?? 0 }
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

/** A monitor as the API shows it: what it watches and what each signal has seen, or why it cannot watch yet. */
function shownMonitor({ metadata, spec }: Declared<'Monitor'>, opened: Opened | undefined, changedAt: number): MonitorState {
  const shared = { name: metadata.name, deployment: spec.deployment, budgetRows: budgetRows(spec.falseAlarmBudget), changedAt }
  if (!opened) {
    const problem = 'the champion has no frozen reference yet; register it with reference rows'
    return { ...shared, modelVersion: null, ready: false, problem, signals: [] }
  }
  const signals = (['features', 'error'] as const).map((signal) => {
    const { shown, crossings } = opened.monitor[signal]
    return {
      signal,
      rows: shown.rows,
      evidence: shown.evidence,
      threshold: shown.threshold || shared.budgetRows * 2,
      alarmed: crossings > 0,
      streams: shown.streams.slice(0, STREAMS_SHOWN),
    }
  })
  return { ...shared, modelVersion: opened.monitor.version, ready: true, problem: null, signals }
}
