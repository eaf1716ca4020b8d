import type { DeploymentSpec, RuntimeSpec } from '../../../contract/deployments.ts'
import { messageFrom } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Runtimes } from '../runtimes/index.ts'
import type { Live, LoadedVersion } from './live.ts'
import { findRoute, type StoredRoute } from './store.ts'

type Entry = { readonly live: Live | null; readonly problem: string | null }
export type Routing = {
  /** The entry of a deployment; from memory, without waiting. */
  get(project: string, name: string): Entry | undefined
  /** Reads the deployment afresh and swaps it in once its models are loaded and warmed. Never throws: what fails becomes the entry’s problem, and what served before goes on. */
  refresh(project: string, name: string): Promise<void>
  /** Looks once for a deployment that is not in memory yet, so that whoever declared it may use it at once. Nothing to wait for when it is, or was looked for within a second. */
  lookUp(project: string, name: string): Promise<void> | undefined
  /** Takes a deployment out of memory until it is refreshed. */
  unload(project: string, name: string, problem: string): Promise<void>
  refreshAll(): Promise<void>
  /** Refreshes every deployment of a model. */
  refreshModel(project: string, model: string): Promise<void>
}

type Deps = { sql: Sql; documents: Documents; registry: Registry; runtimes: Runtimes; clock: Clock; log: Log }

/** How long a replaced model is kept for the requests that still use it. */
const DRAIN_MS = 30_000
const LOOK_UP_AGAIN_MS = 1_000
/** Names that were looked for in vain and are remembered. */
const MOST_MISSED = 1_000

export function createRouting(deps: Deps): Routing {
  const { documents, clock, log } = deps
  const table = new Map<string, Entry>()
  const turns = new Map<string, Promise<void>>()
  const missed = new Map<string, number>()
  const keyOf = (project: string, name: string) => `${project}/${name}`

  /** One refresh of a deployment at a time, so that the newest state is the last to be swapped in. */
  function refresh(project: string, name: string): Promise<void> {
    return inTurn(keyOf(project, name), () => swap(project, name))
  }

  function inTurn(key: string, run: () => Promise<void> | void): Promise<void> {
    const turn = (turns.get(key) ?? Promise.resolve()).then(run).finally(() => {
      if (turns.get(key) === turn) turns.delete(key)
    })
    turns.set(key, turn)
    return turn
  }

  async function swap(project: string, name: string): Promise<void> {
    const key = keyOf(project, name)
    const before = table.get(key)
    try {
      const document = await documents.find('Deployment', project, name)
      if (!document) table.delete(key)
      else table.set(key, { live: await open(deps, document), problem: null })
      if (before?.live) release(before.live)
    } catch (error) {
      const problem = messageFrom(error)
      log.warn('serving.route_unusable', { project, deployment: name, problem })
      table.set(key, { live: before?.live ?? null, problem })
    }
  }

  function release(live: Live) {
    clock.after(DRAIN_MS, () => {
      for (const loaded of [live.champion, live.challenger, live.fallback, live.otherSide?.champion])
        loaded?.model.release().catch((error) => log.error('serving.release_failed', { error }))
    })
  }

  return {
    get: (project, name) => table.get(keyOf(project, name)),
    refresh,
    lookUp(project, name) {
      const key = keyOf(project, name)
      if (table.has(key)) return undefined
      const lookedMs = missed.get(key)
      if (lookedMs !== undefined && clock.now() - lookedMs < LOOK_UP_AGAIN_MS) return turns.get(key)
      if (missed.size >= MOST_MISSED) missed.delete(missed.keys().next().value!)
      missed.set(key, clock.now())
      return refresh(project, name)
    },
    unload(project, name, problem) {
      const key = keyOf(project, name)
      return inTurn(key, () => {
        const before = table.get(key)
        table.set(key, { live: null, problem })
        if (before?.live) release(before.live)
      })
    },
    async refreshAll() {
      await Promise.all((await documents.all('Deployment')).map((document) => refresh(document.project, document.metadata.name)))
    },
    async refreshModel(project, model) {
      const affected = (await documents.all('Deployment', project)).filter((document) => document.spec.model === model)
      await Promise.all(affected.map((document) => refresh(project, document.metadata.name)))
    },
  }

  /** Loads every version that the deployment may answer with; what was loaded is given back when another cannot be. */
  async function open(from: Deps, { project, metadata, spec }: Declared<'Deployment'>): Promise<Live> {
    const record = await from.registry.champion(project, spec.model)
    if (!record) throw new Error(`model ${spec.model} has no champion; register a version with "--alias champion"`)
    const stored = await findRoute(from.sql, project, metadata.name)
    const { mode, version, percent } = planOf(spec, stored, record.version)
    const loaded: LoadedVersion[] = []
    const load = async (number: number, runtimeOf = (_: ModelVersion): RuntimeSpec => spec.runtime): Promise<LoadedVersion> => {
      const one = number === record.version ? record : await from.registry.version(project, spec.model, number)
      if (one.features.join() !== record.features.join())
        throw new Error(
          `version ${number} takes other features than the champion, version ${record.version}; they cannot score the same request`,
        )
      const opened = {
        version: number,
        features: one.features,
        processing: one.processing,
        model: await from.runtimes.load(one, runtimeOf(one)),
      }
      loaded.push(opened)
      return opened
    }
    try {
      const champion = await load(record.version)
      const challenger = version === null ? null : await load(version)
      const fallback =
        spec.fallback && differs(spec, record) ? await load(spec.fallback.version, (one) => fallbackRuntime(spec, one)) : null
      const live: Live = {
        project,
        name: metadata.name,
        spec,
        salt: stored?.rollout ?? 'steady',
        route: { mode, championVersion: record.version, challengerVersion: version, percent },
        champion,
        challenger: mode === 'split' ? null : challenger,
        fallback,
        role: 'champion',
        otherSide: null,
      }
      if (mode !== 'split') return live
      return { ...live, otherSide: { ...live, champion: challenger!, role: 'challenger' } }
    } catch (error) {
      for (const { model } of loaded) await model.release()
      throw error
    }
  }
}

/** Whether the fallback is something else than the champion: another version, or the same one in this process. */
function differs({ fallback, runtime }: DeploymentSpec, champion: ModelVersion): boolean {
  return fallback!.version !== champion.version || (runtime.kind === 'remote' && champion.digest !== null)
}

/** What cannot be reached is stood in for by what needs no connection, where its version has a file that runs here. */
function fallbackRuntime({ runtime }: DeploymentSpec, { digest }: ModelVersion): RuntimeSpec {
  return runtime.kind === 'remote' && digest !== null ? { kind: 'auto' } : runtime
}

/** Where requests go: as the rollout under way says, else as the deployment’s own split. */
function planOf({ split }: DeploymentSpec, stored: StoredRoute | undefined, champion: number) {
  const { mode = 'steady', challengerVersion = null, percent = 0 } = stored ?? {}
  if (mode !== 'steady' && challengerVersion !== null && challengerVersion !== champion)
    return { mode, version: challengerVersion, percent: mode === 'canary' ? percent : 0 }
  if (split && split.version !== champion) return { mode: 'split' as const, version: split.version, percent: split.percent }
  return { mode: 'steady' as const, version: null, percent: 0 }
}
