import type { LoopRun, LoopTriggers } from '../contract/loops.ts'
import { poisonedLabelSources } from '../contract/quarantine.ts'
import type { Bus, BusEvent } from '../infra/bus/index.ts'
import type { Clock } from '../infra/clock.ts'
import { type JobContext, type Jobs, turnOf } from '../infra/jobs/index.ts'
import type { Sql } from '../infra/sql/index.ts'
import { type DriftSeverity, severities } from '../lib/drift/report/report.ts'
import type { KeptRun, Loops } from '../modules/change/loops/index.ts'
import type { QuarantineWindows } from '../modules/data/quarantine/index.ts'
import type { Declared, Documents } from '../modules/govern/documents/index.ts'
import type { Registry } from '../modules/models/registry/index.ts'
import type { Drift } from '../modules/watch/drift/index.ts'
import type { Estimates } from '../modules/watch/estimates/index.ts'
import type { Labels } from '../modules/watch/labels/index.ts'

type Deps = {
  sql: Sql
  bus: Bus
  jobs: Jobs
  clock: Clock
  documents: Documents
  registry: Pick<Registry, 'champion'>
  drift: Drift
  estimates: Estimates
  labels: Pick<Labels, 'countNew'>
  quarantine: Pick<QuarantineWindows, 'inForce'>
  loops: Loops
}
type Loop = Declared<'Loop'>
type Cause = LoopRun['cause']

const HOUR_MS = 3_600_000
/** How often new labels are counted. */
const LABELS_AGAIN_MS = 60_000

type Detected = {
  readonly detection: string
  readonly monitor: string
  readonly signal: 'features' | 'error'
  readonly at: number
  readonly top: readonly string[]
}
type Lasting = {
  readonly monitor: string
  readonly key: string
  readonly severity: DriftSeverity
  readonly since: number
  readonly columns: readonly string[]
  readonly agreeing: readonly string[]
}
type Dropped = {
  readonly monitor: string
  readonly modelVersion: number
  readonly fromMs: number
  readonly toMs: number
  readonly estimated: number
  readonly baseline: number
}

/**
 * What begins a loop: a detection, drift that lasted, an estimate that dropped, the clock, enough new labels; each only where the
 * loop’s `triggers` say so. A cause has a key made of what it is, so that neither a repeated event nor a second process begins a
 * second run; that one run is open at a time, and the cool-down, is for `loops.begin` to say.
 */
export function beginLoops(deps: Deps): { start(): Promise<void> } {
  const { bus, jobs, documents, loops, sql } = deps
  const begin = ({ project, metadata, spec }: Loop, cause: Cause, key: string) =>
    loops.begin(project, metadata.name, spec, cause, `${metadata.name}/${key}`)

  /** Begins the loops of a monitor whose triggers want it. */
  async function answer(project: string, monitor: string, wants: (triggers: LoopTriggers) => boolean, cause: Cause, key: string) {
    for (const loop of await documents.all('Loop', project))
      if (loop.spec.enabled && loop.spec.monitor === monitor && wants(loop.spec.triggers)) await begin(loop, cause, key)
  }

  bus.on('drift.detected', 'loop', async ({ project, data }) => {
    const detected = data as Detected
    await answer(project, detected.monitor, ({ detections }) => detections, causeOfDetection(detected), detected.detection)
  })
  bus.on('drift.sustained', 'loop', async ({ project, data }) => {
    const lasting = data as Lasting
    const key = `lasting/${lasting.key}/${lasting.severity}`
    await answer(project, lasting.monitor, ({ lastingDrift }) => isEnough(lasting, lastingDrift), causeOfLasting(lasting), key)
  })
  bus.on('estimates.dropped', 'loop', async ({ project, data }) => {
    const dropped = data as Dropped
    const key = `dropped/${dropped.modelVersion}/${dropped.fromMs}`
    await answer(project, dropped.monitor, ({ droppedEstimates }) => droppedEstimates, causeOfDrop(dropped), key)
  })

  jobs.define('loops.turn', {
    async run({ job, payload }: JobContext) {
      const loop = await documents.find('Loop', job.project, (payload as Named).loop)
      if (!loop?.spec.enabled || loop.spec.triggers.everyHours === undefined) return
      const turn = turnOf(job) ?? job.createdAtMs
      await begin(loop, causeOfTurn(turn, loop.spec.triggers.everyHours), `turn/${turn}`)
    },
  })
  jobs.define('loops.count_labels', {
    async run({ job, payload }: JobContext) {
      const loop = await documents.find('Loop', job.project, (payload as Named).loop)
      const most = loop?.spec.enabled ? loop.spec.triggers.newLabels : undefined
      const sinceMs = loop && most !== undefined ? await taughtSince(deps, loop) : undefined
      if (!loop || most === undefined || sinceMs === undefined) return
      const { project, spec } = loop
      const exceptSources = [...poisonedLabelSources(await deps.quarantine.inForce(project, spec.deployment))]
      const counted = await deps.labels.countNew({ project, deployment: spec.deployment, sinceMs, most, exceptSources })
      if (counted >= most) await begin(loop, causeOfLabels(most, sinceMs), `labels/${sinceMs}`)
    },
  })
  const follow = async ({ project, data }: BusEvent) => {
    const { kind, name } = data as { kind: string; name: string }
    if (kind === 'Loop') await setSchedules(deps, project, name, await documents.find('Loop', project, name))
  }
  bus.on('documents.applied', 'loop', follow)
  bus.on('documents.deleted', 'loop', follow)

  // What was dismissed, or refused for now, may still hold when the loop has rested.
  bus.on('loops.ended', 'loop', async ({ project, subject, atMs }) => {
    const run = await loops.find(project, subject)
    const loop = run && (await documents.find('Loop', project, run.loop))
    if (!loop || !(run.outcome === 'dismissed' || (run.outcome === 'refused' && run.training === null))) return
    const runAtMs = atMs + restOf(loop, run) * 1_000
    await jobs.enqueue(sql, { kind: 'loops.reconsider', project, key: run.id, payload: { run: run.id }, runAtMs })
  })
  jobs.define('loops.reconsider', {
    async run({ job, payload }: JobContext) {
      const run = await loops.find(job.project, (payload as { run: string }).run)
      const loop = run && (await documents.find('Loop', job.project, run.loop))
      if (loop) await reconsider(deps, loop, run, (cause) => begin(loop, cause, `again/${run.id}`))
    },
  })

  return {
    /** Makes the schedules of every loop what its document says. */
    async start() {
      for (const loop of await documents.all('Loop')) await setSchedules(deps, loop.project, loop.metadata.name, loop)
    },
  }
}

type Named = { readonly loop: string }

/** A schedule that stays as it was keeps its next turn, also over a restart. */
async function setSchedules({ jobs, sql }: Deps, project: string, name: string, loop: Loop | undefined): Promise<void> {
  const { enabled, triggers } = loop?.spec ?? { enabled: false, triggers: undefined }
  const everyMs = {
    turn: enabled && triggers?.everyHours !== undefined ? triggers.everyHours * HOUR_MS : undefined,
    count_labels: enabled && triggers?.newLabels !== undefined ? LABELS_AGAIN_MS : undefined,
  }
  for (const kind of ['turn', 'count_labels'] as const) {
    const schedule = { project, name: `loop-${kind}/${name}` }
    if (everyMs[kind] === undefined) await jobs.unschedule(sql, project, schedule.name)
    else await jobs.schedule(sql, { ...schedule, kind: `loops.${kind}`, payload: { loop: name }, everyMs: everyMs[kind] })
  }
}

/** Since when labels are new: the champion was registered, or the newest run began; undefined while nothing serves. */
async function taughtSince({ documents, registry, loops }: Deps, { project, spec }: Loop): Promise<number | undefined> {
  const deployment = await documents.find('Deployment', project, spec.deployment)
  const champion = deployment && (await registry.champion(project, deployment.spec.model))
  if (!champion) return undefined
  const newest = await loops.newestBegun(project, spec.deployment)
  return Math.max(champion.createdAt, newest?.startedAt ?? 0)
}

/** Seconds after which a run that came to nothing is looked at again. What needs no new rows is not asked more often than it could tell. */
function restOf({ spec }: Loop, { cause }: KeptRun): number {
  const needsNewRows = cause.kind !== 'lasting_drift' && cause.kind !== 'dropped_estimates'
  return needsNewRows ? spec.cooldownSeconds : Math.max(spec.cooldownSeconds, spec.corroborate.withinSeconds)
}

/** Detectors look afresh; drift that still lasts, or an estimate that is still low, begins another run. A turn or labels come by themselves. */
async function reconsider(
  { drift, estimates, loops }: Deps,
  { project, spec }: Loop,
  run: KeptRun,
  again: (cause: Cause) => Promise<unknown>,
) {
  const newest = await loops.newestBegun(project, spec.deployment)
  const isAnswered = newest !== undefined && newest.startedAt > run.startedAt
  switch (run.cause.kind) {
    case 'drift':
    case 'error':
    case 'manual':
      return await drift.reset(project, spec.monitor)
    case 'lasting_drift':
      if (isAnswered || !spec.enabled || !spec.triggers.lastingDrift || !(await drift.hasLasted(project, spec.monitor))) return
      break
    case 'dropped_estimates':
      if (isAnswered || !spec.enabled || !spec.triggers.droppedEstimates || !(await estimates.hasDropped(project, spec.monitor))) return
      break
    case 'schedule':
    case 'new_labels':
      return
  }
  await again({ ...run.cause, facts: { ...run.cause.facts, after: run.id } })
}

/** Lasting drift is acted on where a second signal agrees, or from the severity on that the loop names. */
function isEnough({ agreeing, severity }: Lasting, wanted: LoopTriggers['lastingDrift']): boolean {
  if (!wanted) return false
  if (agreeing.length > 0) return true
  return wanted.aloneFrom !== undefined && severities.indexOf(severity) >= severities.indexOf(wanted.aloneFrom)
}

function causeOfDetection({ detection, signal, at, top }: Detected): Cause {
  const summary = signal === 'error' ? 'the labelled error rose' : `the inputs moved: ${top.join(', ')}`
  return { kind: signal === 'error' ? 'error' : 'drift', detection, at, summary, facts: { signal, top } }
}

function causeOfLasting({ key, severity, since, columns, agreeing }: Lasting): Cause {
  const agreed = agreeing.length > 0 ? `; with it ${agreeing.join(', ')}` : ''
  const summary = `${severity} drift lasted over windows: ${columns.join(', ') || 'all features together'}${agreed}`
  return { kind: 'lasting_drift', detection: null, at: since, summary, facts: { key, severity, columns, agreeing } }
}

function causeOfDrop({ modelVersion, fromMs, toMs, estimated, baseline }: Dropped): Cause {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const summary = `the error estimated without labels rose to ${percent(estimated)}, from ${percent(baseline)}`
  return { kind: 'dropped_estimates', detection: null, at: fromMs, summary, facts: { modelVersion, fromMs, toMs, estimated, baseline } }
}

function causeOfTurn(turn: number, everyHours: number): Cause {
  const summary = `scheduled: every ${everyHours} h`
  return { kind: 'schedule', detection: null, at: turn - everyHours * HOUR_MS, summary, facts: { turn, everyHours } }
}

function causeOfLabels(records: number, sinceMs: number): Cause {
  const summary = `${records} records were labelled since ${new Date(sinceMs).toISOString()}`
  return { kind: 'new_labels', detection: null, at: sinceMs, summary, facts: { records, sinceMs } }
}
