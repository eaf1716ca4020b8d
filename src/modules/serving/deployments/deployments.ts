import type { Deployment, deployments } from '../../../contract/deployments.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Log } from '../../../infra/log.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import type { Runtimes } from '../runtimes/index.ts'
import { createAdmission } from './admission.ts'
import type { ChallengerHealth } from './challengers.ts'
import type { Live, Scored } from './live.ts'
import { createRouting } from './routing.ts'
import { createScoring } from './scoring.ts'
import { findRoute, routesTable, type StoredRoute, saveRoute } from './store.ts'

type ScoreInput = {
  readonly deployment: string
  /** One id a row; a label names it later. */
  readonly ids: readonly string[]
  /** rows × features, row by row; NaN = missing. */
  readonly values: Float32Array
  readonly actor: string
  readonly source: string
}

export type Deployments = Verbs<typeof deployments> & {
  /** The hot path: no SQL, no waiting but for the model. Throws `not_found`, `unavailable`, `too_large` or `throttled`. */
  score(input: ScoreInput, caller: Pick<Caller, 'id' | 'project'>): Promise<Scored>
  /** The deployment as it serves now. Throws `not_found`, or `unavailable` with the reason it cannot serve. */
  serving(project: string, name: string): Live
  /** Waits for a deployment that was declared a moment ago and is not in memory yet; nothing to wait for otherwise. */
  lookUp(project: string, name: string): Promise<void> | undefined
  /** The names of what serves in a project and whether each is ready. */
  readiness(project: string): Promise<readonly { name: string; ready: boolean }[]>
  /** Sets where traffic goes, as part of a larger change. */
  setRouteIn(
    tx: Tx,
    name: string,
    route: Omit<StoredRoute, 'changedAt'>,
    change: { caller: Pick<Caller, 'id' | 'project'>; reason: string; operation: string },
  ): Promise<void>
  challengerHealth(project: string, name: string, rollout: string): ChallengerHealth
  /** Loads every deployment, and follows changes from then on. */
  start(): Promise<void>
}

type Deps = {
  sql: Sql
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
  const { sql, documents, ledger, bus, clock, ids, log } = deps
  const routing = createRouting(deps)
  const scoring = createScoring({ telemetry: deps.telemetry, clock, log, nowUs: () => Math.round(performance.now() * 1_000) })
  const admit = createAdmission(clock, scoring.waiting)

  bus.watch((event) => {
    const { kind, name, model } = event.data as { kind?: string; name?: string; model?: string }
    if (event.name.startsWith('documents.') && kind === 'Deployment') void routing.refresh(event.project, name!)
    else if (event.name === 'registry.alias_moved' && (event.data as { alias?: string }).alias === 'champion')
      void routing.refreshModel(event.project, model!)
    else if (event.name === 'deployments.route_changed') void routing.refresh(event.project, event.subject)
  })

  function serving(project: string, name: string): Live {
    const entry = routing.get(project, name)
    if (!entry)
      throw new AppError('not_found', `project ${project} has no deployment ${name}; see "setpoint deployments list-deployments"`, {
        deployment: name,
      })
    if (!entry.live) throw new AppError('unavailable', `deployment ${name} cannot serve: ${entry.problem}`, { deployment: name })
    return entry.live
  }

  async function describe(document: Declared<'Deployment'>): Promise<Deployment> {
    const entry = routing.get(document.project, document.metadata.name)
    const stored = await findRoute(sql, document.project, document.metadata.name)
    return {
      name: document.metadata.name,
      project: document.project,
      spec: document.spec,
      route: entry?.live?.route ?? { mode: 'steady', championVersion: null, challengerVersion: null, percent: 0 },
      ready: entry?.live !== null && entry?.live !== undefined,
      problem: entry ? entry.problem : 'it is still being loaded',
      changedAt: Math.max(document.appliedAt, stored?.changedAt ?? 0),
    }
  }

  async function score(input: ScoreInput, caller: Pick<Caller, 'id' | 'project'>): Promise<Scored> {
    const live = serving(caller.project, input.deployment)
    admit(live, input.ids.length, caller)
    const startedUs = Math.round(performance.now() * 1_000)
    return await new Promise((resolve, reject) => scoring.add(live, { ...input, startedUs, resolve, reject }))
  }

  return {
    score,
    serving,
    lookUp: routing.lookUp,
    challengerHealth: (project, name, rollout) => scoring.health({ project, name, salt: rollout }),
    async start() {
      await routing.refreshAll()
    },
    async readiness(project) {
      return (await documents.all('Deployment', project)).map(({ metadata: { name } }) => ({
        name,
        ready: routing.get(project, name)?.live != null,
      }))
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
      const values = rowFromNames(live, features)
      const scored = await score({ deployment, ids: [requestId], values, actor, source }, caller)
      const value = scored.scores[0]!
      return { id: requestId, modelVersion: scored.versions[0]!, score: value, prediction: value >= live.spec.threshold ? 1 : 0 }
    },
  }
}

function rowFromNames(live: Live, features: Readonly<Record<string, number | null>>): Float32Array {
  const names = live.champion.features
  const unknown = Object.keys(features).filter((name) => !names.includes(name))
  const missing = names.filter((name) => !(name in features))
  if (unknown.length > 0 || missing.length > 0) {
    const parts = [
      missing.length > 0 ? `missing ${missing.join(', ')}` : '',
      unknown.length > 0 ? `unknown ${unknown.join(', ')}` : '',
    ].filter(Boolean)
    throw new AppError('invalid', `features of ${live.name}: ${parts.join('; ')}; send null for a value that is not known`, {
      missing,
      unknown,
    })
  }
  return Float32Array.from(names, (name) => features[name] ?? Number.NaN)
}
