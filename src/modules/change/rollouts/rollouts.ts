import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Rollout, rollouts } from '../../../contract/rollouts.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Deployments } from '../../serving/deployments/index.ts'
import type { LabelledPair } from '../../watch/labels/index.ts'
import { createCountPairs } from './count-pairs.ts'
import { judge } from './judge.ts'
import { createStart, running } from './start.ts'
import { createStore, type Kept, type Store, shownRollout } from './store.ts'
import { createTransitions, type Transitions } from './transitions.ts'

export type Rollouts = Verbs<typeof rollouts> & {
  /** Adds newly labelled rows to the evidence of the rollouts they belong to; the same segment counts once. */
  consumePairs(segmentId: string, pairs: readonly LabelledPair[]): Promise<void>
  /** Versions that once were champion of a deployment and are not now, the one replaced last first. */
  formerChampions(project: string, deployment: string, limit: number): Promise<number[]>
}

type Deps = {
  sql: Sql
  clock: Clock
  ids: Ids
  jobs: Jobs
  ledger: Ledger
  bus: Bus
  documents: Documents
  registry: Registry
  deployments: Deployments
  quarantine: QuarantineWindows
}
const CHECK_EVERY_MS = 2_000

export function createRollouts(deps: Deps): Rollouts {
  const { sql } = deps
  const store = createStore(sql)
  const transitions = createTransitions({ ...deps, store })
  const checkLater = createCheck(deps, store, transitions)
  return {
    consumePairs: createCountPairs(deps, store, transitions),
    startRollout: createStart(deps, store, transitions, checkLater),
    async formerChampions(project, deployment, limit) {
      const promoted = await store.rollouts.list(sql, { project, deployment, state: 'promoted', limit: 100 })
      const replaced = [...new Set(promoted.map((rollout) => rollout.champion))]
      return replaced.filter((version) => version !== promoted[0]?.challenger).slice(0, limit)
    },
    async listRollouts({ deployment, limit }, caller) {
      const found = await store.rollouts.list(sql, { project: caller.project, deployment, limit })
      return await Promise.all(found.map(async (rollout) => shownRollout(await store.withEvidence(sql, caller.project, rollout))))
    },
    async getRollout({ id }, caller) {
      const found = await store.rollouts.find(sql, caller.project, id)
      if (!found) throw missing(caller.project, id)
      return shownRollout(await store.withEvidence(sql, caller.project, found))
    },
    ...createDecisions(deps, store, transitions),
  }
}

/** Defines the job that looks at a rollout every two seconds while it runs; returns what schedules its next look. */
function createCheck({ sql, clock, jobs, deployments }: Deps, store: Store, { move }: Transitions) {
  async function checkLater(tx: Tx, project: string, rollout: string): Promise<void> {
    const runAtMs = clock.now() + CHECK_EVERY_MS
    await jobs.enqueue(tx, { kind: 'rollouts.check', project, payload: { project, rollout }, runAtMs })
  }
  async function check({ project, rollout: id }: { project: string; rollout: string }): Promise<void> {
    await sql.transaction(async (tx) => {
      const rollout = await store.rollouts.lock(tx, project, id)
      if (!rollout || !running.includes(rollout.state)) return
      const health = () => deployments.challengerHealth(tx, project, rollout.deployment, rollout.id)
      const next = await judge(rollout, await store.evidences.find(tx, project, id), health, clock.now())
      const after = next ? await move(tx, { id: 'setpoint', project }, rollout, next, 'judge') : rollout
      if (running.includes(after.state)) await checkLater(tx, project, id)
    })
  }
  jobs.define('rollouts.check', { run: (context) => check(context.payload as { project: string; rollout: string }) })
  return checkLater
}

/** What a person may decide about a rollout. */
function createDecisions({ sql, clock, registry }: Deps, store: Store, { save, move }: Transitions) {
  async function decide(caller: Caller, id: string, decideIn: (tx: Tx, rollout: Kept) => Promise<Kept>): Promise<Rollout> {
    return await sql.transaction(async (tx) => {
      const rollout = await store.rollouts.lock(tx, caller.project, id)
      if (!rollout) throw missing(caller.project, id)
      return shownRollout(await decideIn(tx, rollout))
    })
  }

  function hold(held: boolean, operation: string) {
    return ({ id, reason }: { id: string; reason: string }, caller: Caller) =>
      decide(caller, id, async (tx, rollout) => {
        if (!running.includes(rollout.state)) throw new AppError('conflict', `rollout ${id} has ended: ${rollout.state}`)
        const after = { ...rollout, held, stageStartedAt: held ? rollout.stageStartedAt : clock.now() }
        await save(tx, caller, after, 'advanced', operation, reason)
        return after
      })
  }

  const decisions: Pick<Rollouts, 'holdRollout' | 'resumeRollout' | 'promoteChallenger' | 'rollBack'> = {
    holdRollout: hold(true, 'holdRollout'),
    resumeRollout: hold(false, 'resumeRollout'),
    async promoteChallenger({ id, reason }, caller) {
      return await decide(caller, id, async (tx, rollout) => {
        if (rollout.state !== 'won')
          throw new AppError('conflict', `rollout ${id} is ${rollout.state}; only a challenger that won its canary can be promoted`)
        return await move(tx, caller, rollout, { state: 'promoted', verdict: reason }, 'promoteChallenger')
      })
    },
    async rollBack({ id, reason }, caller) {
      return await decide(caller, id, async (tx, rollout) => {
        if (rollout.state === 'rolled_back') return rollout
        if (rollout.state === 'promoted') {
          const champion = await registry.champion(caller.project, rollout.model, tx)
          if (champion?.version !== rollout.challenger)
            throw new AppError('conflict', `version ${rollout.challenger} is no longer the champion; version ${champion?.version} is`)
          await registry.moveAliasIn(tx, { model: rollout.model, alias: 'champion', version: rollout.champion, reason }, caller)
        }
        return await move(tx, caller, rollout, { state: 'rolled_back', verdict: reason }, 'rollBack')
      })
    },
  }
  return decisions
}

function missing(project: string, id: string): AppError {
  return new AppError('not_found', `project ${project} has no rollout ${id}; see "setpoint rollouts list-rollouts"`)
}
