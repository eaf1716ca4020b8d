import { createHash } from 'node:crypto'
import type { Detection, DriftSignal, drift, MonitorState } from '../../../contract/drift.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import { profileFrom } from '../../../lib/stats/profile.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { LabelledPair } from '../labels/index.ts'
import type { Segment } from '../telemetry/index.ts'
import * as store from './store.ts'
import { budgetRows, type Crossing, createDetectors, freshSignal, type Watched, watchErrors, watchFeatures } from './watching.ts'

export type Drift = Verbs<typeof drift> & {
  /** Freezes the reference of a version from labelled rows and the scores the version gives them. Once only: a second call changes nothing. */
  freezeProfile(input: {
    project: string
    model: string
    version: number
    features: readonly string[]
    rows: LabelledMatrix
    scores: Float32Array
    threshold: number
  }): Promise<void>
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
  ): Promise<{ version: number; profile: store.StoredProfile; watchedSinceMs: number } | undefined>
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
  const { sql, clock, ids, ledger, bus, documents, registry } = deps
  const records = createRecords<Detection>(
    'detections',
    (detection) => ({ deployment: detection.deployment, state: detection.signal, at: detection.storedAt }),
    sql.dialect,
  )
  const detectors = createDetectors()
  const lockRows = sql.dialect === 'postgresql'

  /** What a monitor watches: its deployment’s champion. */
  async function targetOf({ project, spec }: Declared<'Monitor'>) {
    const target = await documents.find('Deployment', project, spec.deployment)
    const champion = target && (await registry.champion(project, target.spec.model))
    return target && champion && { champion, threshold: target.spec.threshold }
  }
  type Target = Awaited<ReturnType<typeof targetOf>>

  /** The monitor’s state, begun afresh when the champion or the spec is another than it was watching with. */
  async function open(tx: Tx, { project, metadata, spec }: Declared<'Monitor'>, target: Target) {
    const reference = target && (await store.findProfile(tx, project, target.champion.model, target.champion.version))
    if (!target || !reference) return undefined
    const kept = (await store.findMonitor(tx, project, metadata.name, lockRows))?.state
    const { version } = target.champion
    const same = kept && kept.version === version && JSON.stringify(kept.spec) === JSON.stringify(spec)
    const monitor: store.StoredMonitor = same
      ? kept
      : { spec, version, features: freshSignal, error: freshSignal, counted: kept?.counted ?? {}, resetAt: clock.now() }
    return { monitor, reference, threshold: target.threshold, project, name: metadata.name }
  }
  type Opened = NonNullable<Awaited<ReturnType<typeof open>>>

  async function watch(
    document: Declared<'Monitor'>,
    segmentId: string,
    signal: DriftSignal,
    look: (opened: Opened) => Watched<unknown> | null,
  ): Promise<void> {
    const target = await targetOf(document)
    await sql.transaction(async (tx) => {
      const opened = await open(tx, document, target)
      if (!opened) return
      const dash = segmentId.lastIndexOf('-')
      const [node, number] = [`${signal}/${segmentId.slice(0, dash)}`, segmentId.slice(dash + 1)]
      if ((opened.monitor.counted[node] ?? '') >= number) return
      const watched = look(opened)
      if (!watched) return
      const detection = await note(tx, opened, signal, watched.crossings)
      const state = {
        ...opened.monitor,
        [signal]: { ...watched.signal, detection: opened.monitor[signal].detection ?? detection },
        counted: { ...opened.monitor.counted, [node]: number },
      }
      await store.saveMonitor(tx, opened.project, opened.name, state as store.StoredMonitor, clock.now())
    })
  }

  /** The first crossing since the reset is the detection; the second, from new rows only, confirms it; later ones say nothing new. */
  async function note(
    tx: Tx,
    { monitor, project, name }: Opened,
    signal: DriftSignal,
    crossings: readonly Crossing[],
  ): Promise<string | null> {
    const before = monitor[signal].crossings
    const [first, ...more] = crossings
    if (!first) return null
    if (before === 0) {
      const detection = await detect(tx, { monitor, project, name }, signal, first)
      if (more.length > 0) await confirm(tx, project, name, signal, detection.id, monitor.spec.deployment)
      return detection.id
    }
    if (before === 1) await confirm(tx, project, name, signal, monitor[signal].detection!, monitor.spec.deployment)
    return null
  }

  async function detect(
    tx: Tx,
    { monitor, project, name }: Pick<Opened, 'monitor' | 'project' | 'name'>,
    signal: DriftSignal,
    { atMs, shown }: Crossing,
  ): Promise<Detection> {
    const { rows, evidence, threshold, streams } = shown
    const detection: Detection = {
      id: ids('drift'),
      monitor: name,
      deployment: monitor.spec.deployment,
      modelVersion: monitor.version!,
      signal,
      at: atMs,
      storedAt: clock.now(),
      rows,
      evidence,
      threshold,
      top: streams.slice(0, 8),
    }
    await records.insert(tx, project, detection)
    await bus.publish(tx, {
      name: 'drift.detected',
      project,
      subject: detection.id,
      data: {
        detection: detection.id,
        monitor: name,
        deployment: detection.deployment,
        signal,
        at: atMs,
        top: detection.top.slice(0, 3).map((stream) => stream.stream),
      },
    })
    return detection
  }

  async function confirm(
    tx: Tx,
    project: string,
    monitor: string,
    signal: DriftSignal,
    detection: string,
    deployment: string,
  ): Promise<void> {
    await bus.publish(tx, { name: 'drift.confirmed', project, subject: detection, data: { detection, monitor, deployment, signal } })
  }

  async function stateOf(document: Declared<'Monitor'>): Promise<MonitorState> {
    const { project, metadata, spec } = document
    const target = await targetOf(document)
    const opened = await sql.transaction((tx) => open(tx, document, target))
    const shared = { name: metadata.name, deployment: spec.deployment, budgetRows: budgetRows(spec.falseAlarmBudget) }
    if (!opened)
      return {
        ...shared,
        modelVersion: null,
        ready: false,
        problem: 'the champion has no frozen reference yet; register it with reference rows',
        signals: [],
        changedAt: document.appliedAt,
      }
    const { monitor } = opened
    const changedAt = (await store.findMonitor(sql, project, metadata.name))?.changedAt ?? document.appliedAt
    const signals = (['features', 'error'] as const).map((signal) => {
      const { shown, crossings } = monitor[signal]
      return {
        signal,
        rows: shown.rows,
        evidence: shown.evidence,
        threshold: shown.threshold || shared.budgetRows * 2,
        alarmed: crossings > 0,
        streams: shown.streams.slice(0, 12),
      }
    })
    return { ...shared, modelVersion: monitor.version, ready: true, problem: null, signals, changedAt }
  }

  async function reset(project: string, name: string): Promise<void> {
    await sql.transaction(async (tx) => {
      const kept = await store.findMonitor(tx, project, name, lockRows)
      if (kept)
        await store.saveMonitor(
          tx,
          project,
          name,
          { ...kept.state, features: freshSignal, error: freshSignal, resetAt: clock.now() },
          clock.now(),
        )
    })
  }

  return {
    reset,
    async freezeProfile({ project, model, version, features, rows, scores, threshold }) {
      const width = features.length
      const columns = features.map((_, i) => Float32Array.from({ length: rows.rows }, (_row, row) => rows.values[row * width + i]!))
      const profile = profileFrom([...features, 'score'], [...columns, scores])
      const digest = createHash('sha256').update(JSON.stringify(profile)).digest('hex')
      const labelErrors = rows.labels.reduce((errors, label, row) => errors + Number(scores[row]! >= threshold !== label >= 0.5), 0)
      await sql.transaction(async (tx) => {
        if (await store.findProfile(tx, project, model, version)) return
        await store.insertProfile(tx, project, model, version, {
          digest,
          profile,
          labelRows: rows.rows,
          labelErrors,
          frozenAt: clock.now(),
        })
        await ledger.seal(tx, {
          caller: { id: 'setpoint', project },
          reason: 'reference frozen at registration',
          operation: 'drift.freezeProfile',
          table: store.profilesTable,
          key: [project, model, version],
        })
        await bus.publish(tx, { name: 'drift.profile_frozen', project, subject: model, data: { model, version, rows: rows.rows } })
      })
    },
    async consumeSegment(segment) {
      if (segment.predictions.length === 0) return
      for (const document of await documents.all('Monitor')) {
        const batches = segment.predictions.filter(
          (batch) => batch.project === document.project && batch.deployment === document.spec.deployment,
        )
        if (batches.length > 0)
          await watch(document, segment.id, 'features', ({ monitor, reference }) => watchFeatures(detectors, monitor, reference, batches))
      }
    },
    async consumePairs(segmentId, pairs) {
      for (const document of await documents.all('Monitor')) {
        const own = pairs.filter((pair) => pair.project === document.project && pair.deployment === document.spec.deployment)
        if (own.length === 0) continue
        const poisoned = new Set(
          (await deps.quarantine.inForce(document.project, document.spec.deployment)).flatMap((window) => window.scope.labelSources ?? []),
        )
        await watch(document, segmentId, 'error', ({ monitor, reference, threshold }) => {
          const rows = own
            .filter((pair) => !poisoned.has(pair.labelSource) && pair.atMs >= monitor.resetAt)
            .flatMap((pair) => wrongOf(pair, monitor.version!, threshold))
          return rows.length > 0 && reference.labelRows > 0 ? watchErrors(monitor, reference, rows) : null
        })
      }
    },
    async crossings(project, monitor) {
      const state = (await store.findMonitor(sql, project, monitor))?.state
      return { features: state?.features.crossings ?? 0, error: state?.error.crossings ?? 0 }
    },
    async getDetection(project, id) {
      return await records.find(sql, project, id)
    },
    async reference(project, monitor) {
      const document = await documents.find('Monitor', project, monitor)
      const target = document && (await targetOf(document))
      const opened = document && (await sql.transaction((tx) => open(tx, document, target)))
      return opened && { version: opened.monitor.version!, profile: opened.reference, watchedSinceMs: opened.monitor.resetAt }
    },
    async listMonitors({ deployment }, caller) {
      const all = await documents.all('Monitor', caller.project)
      return await Promise.all(all.filter(({ spec }) => deployment === undefined || spec.deployment === deployment).map(stateOf))
    },
    async getMonitor({ monitor }, caller) {
      return await stateOf(await documents.need('Monitor', caller.project, monitor))
    },
    async resetMonitor({ monitor }, caller: Caller) {
      const document = await documents.need('Monitor', caller.project, monitor)
      await reset(caller.project, monitor)
      return await stateOf(document)
    },
    async listDetections({ monitor, deployment, limit }, caller) {
      const found = await records.list(sql, { project: caller.project, deployment, limit })
      return monitor === undefined ? found : found.filter((detection) => detection.monitor === monitor)
    },
    async getProfile({ model, version }, caller) {
      await registry.version(caller.project, model, version)
      const found = await store.findProfile(sql, caller.project, model, version)
      if (!found)
        throw new AppError(
          'not_found',
          `model ${model} version ${version} has no reference profile; it was registered without reference rows`,
        )
      const { profile, digest, frozenAt, labelRows, labelErrors } = found
      const features = profile.features.map((feature) => ({ ...feature, edges: [...feature.edges], expected: [...feature.expected] }))
      return {
        model,
        version,
        sampleSize: profile.sampleSize,
        digest,
        errorRate: labelRows === 0 ? null : labelErrors / labelRows,
        features,
        frozenAt,
      }
    },
  }
}

/** Whether the watched version was wrong on a labelled row; nothing when it did not score it. */
function wrongOf(pair: LabelledPair, version: number, threshold: number): { atMs: number; wrong: boolean }[] {
  const score = pair.version === version ? pair.score : pair.otherVersion === version ? pair.otherScore : Number.NaN
  return Number.isNaN(score) ? [] : [{ atMs: pair.atMs, wrong: score >= threshold !== pair.label >= 0.5 }]
}
