import type { Deployment, deployments, RuntimeHealth } from '../../../contract/deployments.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Log } from '../../../infra/log.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import type { Decision } from '../../../lib/processing/after.ts'
import type { Tensor } from '../../../lib/tensors/tensor.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import type { Runtimes } from '../runtimes/index.ts'
import { createAdmission } from './admission.ts'
import { type ChallengerHealth, createChallengers } from './challengers.ts'
import { within } from './deadline.ts'
import { decisionFor, predictionsOf, type ScoredRow } from './decide.ts'
import { createExchange } from './exchange.ts'
import { type Contribution, type ExplainInput, explain } from './explain.ts'
import { countError, createFigures, type Figure } from './figures.ts'
import { createInference, type Inferred, type TensorsInput } from './inference.ts'
import { createLimits } from './limits.ts'
import type { Live, Scored } from './live.ts'
import { createPins } from './pinned.ts'
import { type Anomaly, createRanges } from './ranges.ts'
import { createRepeats } from './repeats.ts'
import { createRouting } from './routing.ts'
import { type Problem, refuseProblems, rowsFromNames, rowsFromTensors, tabularOutputs } from './rows.ts'
import { isReady, problemOf, runtimeHealthOf } from './runtime-health.ts'
import { createScoring } from './scoring.ts'
import { percentOf } from './split.ts'
import { findRoute, routesTable, type StoredRoute, saveRoute } from './store.ts'

type ScoreInput = {
  readonly deployment: string
  /** The version that must answer; the deployment chooses when absent. */
  readonly version?: number
  /** One id a row; a label names it later. */
  readonly ids: readonly string[]
  /** rows × features, row by row; NaN = missing. */
  readonly values: Float32Array
  readonly actor: string
  readonly source: string
  /** How long the caller waits, when less than the deployment’s own deadline. */
  readonly deadlineMs?: number
  /** The same key with the same rows gets the first answer again, for ten minutes. */
  readonly idempotencyKey?: string
}
type InferInput = Omit<TensorsInput, 'signal'> & {
  readonly deployment: string
  readonly version?: number
  readonly deadlineMs?: number
  readonly idempotencyKey?: string
}
type By = Pick<Caller, 'id' | 'project' | 'address'>

export type Deployments = Verbs<typeof deployments> & {
  /**
   * The hot path, for models of rows of floats: no SQL, no waiting but for the model. Throws `not_found`, `unavailable`,
   * `too_large`, `throttled`, `timeout`, `invalid` for a value beyond its bounds.
   */
  score(input: ScoreInput, caller: By): Promise<Scored>
  /**
   * Tensors in, tensors out, for every model and every protocol. A tabular model answers `score`, `prediction` and `version` by
   * the hot path, and its own outputs when they are asked for by name. Throws as `score` does.
   */
  infer(input: InferInput, caller: By): Promise<Inferred>
  /** What the score of a row comes to: the one place that turns scores into predictions. */
  decide(live: Live, row: ScoredRow): Decision
  /** The same for rows laid out one after another, without bands and reasons. */
  predictions(live: Live, scores: Float32Array, versions: readonly number[], values: Float32Array): Int32Array
  /** The deployment as it serves now, narrowed to `version` where one is named. Throws `not_found`, or `unavailable` with the reason it cannot serve. */
  serving(project: string, name: string, version?: number): Live
  /** Rows of a tabular model from values by feature name, and all that is wrong with them. */
  rowsFromNames(
    live: Live,
    rows: readonly unknown[],
    fieldOf: (row: number) => string,
  ): { readonly values: Float32Array; readonly problems: readonly Problem[] }
  /** Waits for a deployment that was declared a moment ago and is not in memory yet; nothing to wait for otherwise. */
  lookUp(project: string, name: string): Promise<void> | undefined
  /** The names of what serves in a project and whether each is ready. */
  readiness(project: string): Promise<readonly { name: string; ready: boolean }[]>
  /** How the runtimes of a project’s deployments fare, of those that do not run in this process. */
  runtimeHealth(project: string): Promise<readonly (RuntimeHealth & { readonly deployment: string; readonly problem: string | null })[]>
  /** Sets where traffic goes, as part of a larger change. */
  setRouteIn(
    tx: Tx,
    name: string,
    route: Omit<StoredRoute, 'changedAt'>,
    change: { caller: Pick<Caller, 'id' | 'project'>; reason: string; operation: string },
  ): Promise<void>
  /** Of all processes that share the store, as far as they have told of it, and of this one up to now. */
  challengerHealth(db: Db, project: string, name: string, rollout: string): Promise<ChallengerHealth>
  /** What became of the requests of each deployment of a project in this process. */
  figures(project: string): readonly ServingFigures[]
  /** Loads a declared deployment afresh. Throws `not_found`, or `unavailable` with the reason it cannot be loaded. */
  load(project: string, name: string): Promise<void>
  /** Takes a deployment out of memory until it is loaded or changes. Throws `not_found`. */
  unload(project: string, name: string, by: string): Promise<void>
  /** How much each feature of one row moved its score; see `explain.ts`. Each score that it takes counts as a row of the caller’s. */
  explain(input: ExplainInput, caller: By): Promise<readonly Contribution[]>
  /** Loads every deployment, and follows changes from then on. */
  start(): Promise<void>
  /** Tells the other processes what they do not know yet, and gives this one’s share of the limits back. */
  stop(): Promise<void>
  /** Whether the deployments that were declared before the start have been loaded. */
  hasStarted(): boolean
}

export type ServingFigures = Readonly<Figure> & {
  readonly name: string
  readonly rowsWaiting: number
  readonly anomalies: readonly Anomaly[]
}

type Deps = {
  sql: Sql
  /** Whether other processes may serve from the same store. */
  shared: boolean
  /** Names this process among them. */
  node: string
  documents: Documents
  registry: Registry
  runtimes: Runtimes
  telemetry: Pick<Telemetry, 'record' | 'flush'>
  ledger: Ledger
  bus: Bus
  clock: Clock
  ids: Ids
  log: Log
}

export function createDeployments(deps: Deps): Deployments {
  const { sql, documents, ledger, bus, clock, ids, log, telemetry } = deps
  const nowUs = () => Math.round(performance.now() * 1_000)
  const routing = createRouting(deps)
  const challengers = createChallengers({ clock, log })
  const scoring = createScoring({ telemetry, clock, log, nowUs, challengers })
  const inference = createInference({ telemetry, clock, log, nowUs, scoring })
  const figures = createFigures()
  const limits = createLimits(deps)
  const admit = createAdmission({ ...limits, figures })
  const exchange = createExchange({
    clock,
    log,
    parts: [...limits.parts, { name: 'challengers', run: () => challengers.exchange(sql) }],
  })
  const ranges = createRanges()
  const repeats = createRepeats(clock)
  const pinned = createPins()
  let started = false

  bus.watch((event) => {
    const { kind, name, model } = event.data as { kind?: string; name?: string; model?: string }
    if (event.name.startsWith('documents.') && kind === 'Deployment') void routing.refresh(event.project, name!)
    else if (event.name === 'registry.alias_moved' && (event.data as { alias?: string }).alias === 'champion')
      void routing.refreshModel(event.project, model!)
    else if (event.name === 'deployments.route_changed') void routing.refresh(event.project, event.subject)
  })

  function serving(project: string, name: string, version?: number): Live {
    const entry = routing.get(project, name)
    if (!entry)
      throw new AppError('not_found', `project ${project} has no deployment ${name}; see "setpoint deployments list-deployments"`, {
        deployment: name,
      })
    if (!entry.live) throw new AppError('unavailable', `deployment ${name} cannot serve: ${entry.problem}`, { deployment: name })
    return pinned(entry.live, version)
  }

  async function describe(document: Declared<'Deployment'>): Promise<Deployment> {
    const entry = routing.get(document.project, document.metadata.name)
    const stored = await findRoute(sql, document.project, document.metadata.name)
    return {
      name: document.metadata.name,
      project: document.project,
      spec: document.spec,
      route: entry?.live?.route ?? { mode: 'steady', championVersion: null, challengerVersion: null, percent: 0 },
      ready: isReady(entry),
      anomalies: ranges.anomalies(document.project, document.metadata.name),
      problem: entry ? (entry.problem ?? problemOf(entry.live)) : 'it is still being loaded',
      runtime: runtimeHealthOf(entry?.live),
      changedAt: Math.max(document.appliedAt, stored?.changedAt ?? 0),
    }
  }

  async function score(input: ScoreInput, caller: By): Promise<Scored> {
    const live = serving(caller.project, input.deployment, input.version)
    admit(live, input.ids.length, caller, scoring.pace(live))
    return await counted(live, () => {
      ranges.check(live, input.values)
      if (input.idempotencyKey === undefined) return add(live, input)
      const key = `${caller.project}/${live.name}/${caller.id}/${input.idempotencyKey}`
      return repeats.once(key, input.values, () => add(live, input))
    })
  }

  async function counted<T extends { readonly fallback: boolean }>(live: Live, answer: () => Promise<T>): Promise<T> {
    const figure = figures.of(live)
    try {
      const answered = await answer()
      if (answered.fallback) figure.fallback += 1
      else figure.answered += 1
      return answered
    } catch (error) {
      countError(figure, error)
      throw error
    }
  }

  function add(live: Live, { ids, values, actor, source, deadlineMs }: ScoreInput): Promise<Scored> {
    const startedUs = nowUs()
    const side = sideOf(live, ids[0]!)
    const scored = new Promise<Scored>((resolve, reject) => scoring.add(side, { ids, values, actor, source, startedUs, resolve, reject }))
    return within(clock, limitMs(live, deadlineMs), scored, `deployment ${live.name}`)
  }

  async function infer({ deployment, version, deadlineMs, idempotencyKey, ...input }: InferInput, caller: By): Promise<Inferred> {
    const live = serving(caller.project, deployment, version)
    const isDerived = (name: string) => (tabularOutputs as readonly string[]).includes(name)
    if (live.champion.model.tabular && input.outputs.every(isDerived)) {
      const { count, values } = rowsFromTensors(live, input.inputs)
      const rowIds = input.ids ?? idsOfRows(input.id, count)
      if (rowIds.length !== count) throw new AppError('invalid', `ids: ${rowIds.length} were sent for ${count} rows; one a row is needed`)
      const scored = await score({ ...input, deployment, version, ids: rowIds, values, deadlineMs, idempotencyKey }, caller)
      return inferredFrom(live, scored, values, input.outputs)
    }
    admit(live, 1, caller, scoring.pace(live))
    return await counted(live, () => {
      const giveUp = new AbortController()
      const answer = inference(sideOf(live, input.id), { ...input, signal: giveUp.signal })
      return within(clock, limitMs(live, deadlineMs), answer, `deployment ${live.name}`, () => giveUp.abort())
    })
  }

  return {
    score,
    infer,
    serving,
    rowsFromNames,
    decide: decisionFor,
    predictions: predictionsOf,
    lookUp: routing.lookUp,
    challengerHealth: challengers.health,
    figures: (project) =>
      figures.list(project).map((figure) => ({
        ...figure,
        rowsWaiting: scoring.pace(figure).waiting,
        anomalies: ranges.anomalies(project, figure.name),
      })),
    async load(project, name) {
      await routing.refresh(project, name)
      const entry = routing.get(project, name)
      if (entry?.problem) throw new AppError('unavailable', `deployment ${name} cannot be loaded: ${entry.problem}`, { deployment: name })
      serving(project, name)
    },
    async unload(project, name, by) {
      await documents.need('Deployment', project, name)
      await routing.unload(project, name, `${by} has unloaded it; load it, or apply it again`)
      log.info('serving.unloaded', { project, deployment: name, by })
    },
    async explain(input, caller) {
      const live = serving(caller.project, input.deployment)
      admit(live, live.champion.features.length, caller, scoring.pace(live))
      return await explain(live, input)
    },
    async start() {
      await routing.refreshAll()
      exchange.start()
      started = true
    },
    stop: exchange.stop,
    hasStarted: () => started,
    async readiness(project) {
      return (await documents.all('Deployment', project)).map(({ metadata: { name } }) => ({
        name,
        ready: isReady(routing.get(project, name)),
      }))
    },
    async runtimeHealth(project) {
      return (await documents.all('Deployment', project)).flatMap(({ metadata: { name } }) => {
        const live = routing.get(project, name)?.live ?? null
        const health = runtimeHealthOf(live)
        return health ? [{ deployment: name, problem: problemOf(live), ...health }] : []
      })
    },
    async setRouteIn(tx, name, route, { caller, reason, operation }) {
      await saveRoute(tx, caller.project, name, { ...route, changedAt: clock.now() })
      await ledger.seal(tx, { caller, reason, operation, table: routesTable, key: [caller.project, name] })
      await bus.publish(tx, {
        name: 'deployments.route_changed',
        project: caller.project,
        subject: name,
        data: { ...route, by: caller.id, reason },
      })
    },
    async listDeployments(_input, caller) {
      return await Promise.all((await documents.all('Deployment', caller.project)).map(describe))
    },
    async getDeployment({ deployment }, caller) {
      return await describe(await documents.need('Deployment', caller.project, deployment))
    },
    async predict({ deployment, features, id, actor, source }, caller) {
      await routing.lookUp(caller.project, deployment)
      const live = serving(caller.project, deployment)
      const requestId = id ?? ids('pred')
      const { values, problems } = rowsFromNames(live, [features], () => 'features')
      refuseProblems(deployment, problems)
      const scored = await score({ deployment, ids: [requestId], values, actor, source }, caller)
      const value = scored.scores[0]!
      const modelVersion = scored.versions[0]!
      return { id: requestId, modelVersion, score: value, ...decisionFor(live, { version: modelVersion, score: value, values }) }
    },
  }
}

/** The side of a split that a request falls to, whole, by its first id. */
function sideOf(live: Live, id: string): Live {
  return live.otherSide && percentOf(live.salt, id) < live.route.percent ? live.otherSide : live
}

function limitMs({ spec }: Live, asked: number | undefined): number | undefined {
  if (asked === undefined || spec.deadlineMs === undefined) return asked ?? spec.deadlineMs
  return Math.min(asked, spec.deadlineMs)
}

/** One row goes by the request’s own id; of more, each has its number. */
function idsOfRows(id: string, count: number): readonly string[] {
  return count === 1 ? [id] : Array.from({ length: count }, (_, row) => `${id}#${row}`)
}

function inferredFrom(
  live: Live,
  { scores, versions, recorded, fallback }: Scored,
  values: Float32Array,
  wanted: readonly string[],
): Inferred {
  const shape = [scores.length, 1]
  const predictions = predictionsOf(live, scores, versions, values)
  const all: readonly Tensor[] = [
    { name: 'score', datatype: 'FP32', shape, data: scores },
    { name: 'prediction', datatype: 'INT32', shape, data: predictions },
    { name: 'version', datatype: 'INT32', shape, data: Int32Array.from(versions) },
  ]
  const outputs = wanted.length === 0 ? all : wanted.map((name) => all.find((output) => output.name === name)!)
  return { version: versions[0]!, outputs, recorded, fallback }
}
