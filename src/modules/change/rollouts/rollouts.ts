import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Rollout, rollouts } from '../../../contract/rollouts.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Deployments } from '../../serving/deployments/index.ts'
import type { LabelledPair } from '../../watch/labels/index.ts'
import { addPairs, type ScoredPair, type StageEvidence, verdictOf } from './evidence.ts'

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
/** A rollout as decided; its evidence so far is kept apart, because it changes with every batch of labels and decides nothing by itself. */
type Kept = Rollout & { readonly threshold: number }
/** The sequential tests of a rollout, and the last segment of each node that was counted. */
type Evidence = {
  readonly id: string
  readonly shadow: StageEvidence | null
  readonly canary: StageEvidence | null
  readonly counted: Readonly<Record<string, string>>
}
type Actor = Pick<Caller, 'id' | 'project'>
type Next = { readonly state: Rollout['state']; readonly verdict: string }

export const rolloutsTable = { table: 'rollouts', key: ['id'] } as const
const CHECK_EVERY_MS = 2_000
const running: readonly Rollout['state'][] = ['shadow', 'canary', 'won']

export function createRollouts(deps: Deps): Rollouts {
  const { sql, clock, ids, jobs, ledger, bus, documents, registry, deployments } = deps
  const records = createRecords<Kept>(
    rolloutsTable.table,
    (rollout) => ({ deployment: rollout.deployment, state: rollout.state, at: rollout.startedAt }),
    sql.dialect,
  )
  const evidences = createRecords<Evidence>('rollout_evidence', () => ({ deployment: null, state: 'gathering', at: 0 }), sql.dialect)

  jobs.define('rollouts.check', { run: (context) => check(context.payload as { project: string; rollout: string }) })

  async function save(
    tx: Tx,
    caller: Actor,
    rollout: Kept,
    event: 'started' | 'advanced' | 'ended',
    operation: string,
    reason: string,
  ): Promise<void> {
    await records.save(tx, rollout)
    await ledger.seal(tx, { caller, reason, operation: `rollouts.${operation}`, table: rolloutsTable, key: [rollout.id] })
    const { deployment, state, challenger, champion, held, verdict, loopRun } = rollout
    await bus.publish(tx, {
      name: `rollouts.${event}`,
      project: caller.project,
      subject: rollout.id,
      data: { deployment, state, challenger, champion, held, verdict, loopRun, reason },
    })
  }

  /** Takes a rollout to its next state with everything that goes with it: route, aliases, ledger, event. */
  async function move(tx: Tx, caller: Actor, rollout: Kept, { state, verdict }: Next, operation: string): Promise<Kept> {
    const now = clock.now()
    const over = state === 'promoted' || state === 'rolled_back'
    const after: Kept = {
      ...(await withEvidence(tx, caller.project, rollout)),
      state,
      verdict,
      stageStartedAt: now,
      endedAt: over ? now : null,
    }
    const change = { caller, reason: verdict, operation: `rollouts.${operation}` }
    const route = { mode: 'steady', challengerVersion: null, percent: 0, rollout: null } as const
    if (state === 'canary')
      await deployments.setRouteIn(
        tx,
        rollout.deployment,
        { mode: 'canary', challengerVersion: rollout.challenger, percent: rollout.plan.canary.percent, rollout: rollout.id },
        change,
      )
    if (over) {
      if (state === 'promoted')
        await registry.moveAliasIn(tx, { model: rollout.model, alias: 'champion', version: rollout.challenger, reason: verdict }, caller)
      await registry.removeAliasIn(tx, { model: rollout.model, alias: 'challenger', reason: verdict }, caller)
      await deployments.setRouteIn(tx, rollout.deployment, route, change)
    }
    await save(tx, caller, after, over ? 'ended' : 'advanced', operation, verdict)
    return after
  }

  /** What the evidence, the time and the challenger’s health call for; null while it goes on. */
  function judge(project: string, rollout: Kept, tests: Evidence | undefined): Next | null {
    if (rollout.held || (rollout.state !== 'shadow' && rollout.state !== 'canary')) return null
    const stage = rollout.plan[rollout.state]
    const evidence = tests?.[rollout.state]
    if (rollout.state === 'canary') {
      const health = deployments.challengerHealth(project, rollout.deployment, rollout.id)
      const failed = health.rows === 0 ? 0 : health.failures / health.rows
      if (health.rows >= 100 && failed > rollout.plan.canary.maxErrorRate)
        return {
          state: 'rolled_back',
          verdict: `the challenger failed on ${(failed * 100).toFixed(1)} % of ${health.rows} rows; at most ${rollout.plan.canary.maxErrorRate * 100} % is allowed`,
        }
    }
    const verdict = evidence ? verdictOf(evidence, stage.minRows) : 'undecided'
    const shown = evidence?.shown
    if (verdict === 'harm')
      return {
        state: 'rolled_back',
        verdict: `harmful in ${rollout.state}: error ${points(shown?.difference)} higher than the champion’s, on ${shown!.rows} rows (e-value ${eValue(shown!.evidenceHarm)})`,
      }
    if (verdict === 'pass') {
      const proof = `error differs by ${points(shown?.difference)} from the champion’s, on ${shown!.rows} paired rows (e-value ${eValue(shown!.evidenceNotWorse)}, needed ${shown!.threshold})`
      if (rollout.state === 'shadow') return { state: 'canary', verdict: `not worse in shadow: ${proof}` }
      return { state: rollout.plan.promotion === 'by_hand' ? 'won' : 'promoted', verdict: `not worse in canary: ${proof}` }
    }
    if (clock.now() - rollout.stageStartedAt > stage.maxSeconds * 1_000)
      return {
        state: 'rolled_back',
        verdict: `no verdict in ${rollout.state} within ${stage.maxSeconds} s: ${shown?.rows ?? 0} paired labelled rows, e-value ${shown ? eValue(shown.evidenceNotWorse) : 'none'} of ${(1 / stage.alpha).toFixed(0)}`,
      }
    return null
  }

  async function check({ project, rollout: id }: { project: string; rollout: string }): Promise<void> {
    const caller = { id: 'setpoint', project }
    await sql.transaction(async (tx) => {
      const rollout = await records.lock(tx, project, id)
      if (!rollout || !running.includes(rollout.state)) return
      const next = judge(project, rollout, await evidences.find(tx, project, id))
      const after = next ? await move(tx, caller, rollout, next, 'judge') : rollout
      if (running.includes(after.state))
        await jobs.enqueue(tx, {
          kind: 'rollouts.check',
          project,
          payload: { project, rollout: id },
          runAtMs: clock.now() + CHECK_EVERY_MS,
        })
    })
  }

  async function count(
    project: string,
    id: string,
    segmentId: string,
    pairs: readonly LabelledPair[],
    poisoned: (pair: LabelledPair) => boolean,
  ): Promise<void> {
    await sql.transaction(async (tx) => {
      const rollout = await records.lock(tx, project, id)
      if (!rollout || (rollout.state !== 'shadow' && rollout.state !== 'canary')) return
      const before = (await evidences.find(tx, project, id)) ?? { id, shadow: null, canary: null, counted: {} }
      const [node, number] = splitSegment(segmentId)
      if ((before.counted[node] ?? '') >= number) return
      const scored = pairs
        .filter((pair) => pair.atMs >= rollout.stageStartedAt && !poisoned(pair))
        .flatMap((pair) => pairFrom(pair, rollout))
      const test = addPairs(before[rollout.state], scored, rollout.threshold, rollout.plan[rollout.state])
      const after: Evidence = { ...before, [rollout.state]: test, counted: { ...before.counted, [node]: number } }
      await evidences.save(tx, after)
      const next = judge(project, rollout, after)
      if (next) await move(tx, { id: 'setpoint', project }, rollout, next, 'judge')
    })
  }

  /** The rollout with the evidence as it stands. */
  async function withEvidence(db: Db, project: string, rollout: Kept): Promise<Kept> {
    const tests = await evidences.find(db, project, rollout.id)
    return { ...rollout, shadow: tests?.shadow?.shown ?? null, canary: tests?.canary?.shown ?? null }
  }

  async function decide(caller: Caller, id: string, decideIn: (tx: Tx, rollout: Kept) => Promise<Kept>): Promise<Rollout> {
    return await sql.transaction(async (tx) => {
      const rollout = await records.lock(tx, caller.project, id)
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

  return {
    async consumePairs(segmentId, pairs) {
      const active = await records.inState(sql, ['shadow', 'canary'])
      for (const { project, record } of active) {
        const own = pairs.filter((pair) => pair.project === project && pair.deployment === record.deployment)
        if (own.length === 0) continue
        const sources = new Set(
          (await deps.quarantine.inForce(project, record.deployment)).flatMap((window) => window.scope.labelSources ?? []),
        )
        await count(project, record.id, segmentId, own, (pair) => sources.has(pair.labelSource))
      }
    },
    async formerChampions(project, deployment, limit) {
      const promoted = await records.list(sql, { project, deployment, state: 'promoted', limit: 100 })
      const replaced = [...new Set(promoted.map((rollout) => rollout.champion))]
      return replaced.filter((version) => version !== promoted[0]?.challenger).slice(0, limit)
    },
    async startRollout({ deployment, challenger, plan, loopRun, key, reason }, caller) {
      const target = await documents.need('Deployment', caller.project, deployment)
      const champion = await registry.champion(caller.project, target.spec.model)
      if (!champion)
        throw new AppError('conflict', `model ${target.spec.model} has no champion; register a version with "--alias champion" instead`)
      const candidate = await registry.version(caller.project, target.spec.model, challenger)
      if (candidate.features.join() !== champion.features.join())
        throw new AppError(
          'conflict',
          `version ${challenger} takes other features than the champion, version ${champion.version}; requests cannot be paired`,
        )
      return await sql.transaction(async (tx) => {
        const earlier = key === undefined ? undefined : await records.findByKey(tx, caller.project, key)
        if (earlier) return shownRollout(earlier)
        if (champion.version === challenger) throw new AppError('conflict', `version ${challenger} is the champion already`)
        const [busy] = await records.list(tx, { project: caller.project, deployment, state: running, limit: 1 })
        if (busy)
          throw new AppError(
            'conflict',
            `deployment ${deployment} is in rollout ${busy.id} of version ${busy.challenger}; wait for it or roll it back`,
          )
        const now = clock.now()
        const rollout: Kept = {
          id: ids('roll'),
          deployment,
          model: target.spec.model,
          champion: champion.version,
          challenger,
          state: 'shadow',
          held: false,
          plan,
          shadow: null,
          canary: null,
          verdict: null,
          loopRun: loopRun ?? null,
          startedAt: now,
          stageStartedAt: now,
          endedAt: null,
          threshold: target.spec.threshold,
        }
        await records.insert(tx, caller.project, rollout, key)
        await evidences.insert(tx, caller.project, { id: rollout.id, shadow: null, canary: null, counted: {} })
        await registry.moveAliasIn(tx, { model: rollout.model, alias: 'challenger', version: challenger, reason }, caller)
        await deployments.setRouteIn(
          tx,
          deployment,
          { mode: 'shadow', challengerVersion: challenger, percent: 0, rollout: rollout.id },
          { caller, reason, operation: 'rollouts.startRollout' },
        )
        await save(tx, caller, rollout, 'started', 'startRollout', reason)
        await jobs.enqueue(tx, {
          kind: 'rollouts.check',
          project: caller.project,
          payload: { project: caller.project, rollout: rollout.id },
          runAtMs: now + CHECK_EVERY_MS,
        })
        return shownRollout(rollout)
      })
    },
    async listRollouts({ deployment, limit }, caller) {
      const found = await records.list(sql, { project: caller.project, deployment, limit })
      return await Promise.all(found.map(async (rollout) => shownRollout(await withEvidence(sql, caller.project, rollout))))
    },
    async getRollout({ id }, caller) {
      const found = await records.find(sql, caller.project, id)
      if (!found) throw missing(caller.project, id)
      return shownRollout(await withEvidence(sql, caller.project, found))
    },
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
}

function pairFrom(pair: LabelledPair, rollout: Kept): ScoredPair[] {
  const byVersion = new Map([
    [pair.version, pair.score],
    [pair.otherVersion, pair.otherScore],
  ])
  const championScore = byVersion.get(rollout.champion)
  const challengerScore = byVersion.get(rollout.challenger)
  return championScore === undefined || challengerScore === undefined ? [] : [{ label: pair.label, championScore, challengerScore }]
}

/** A segment id is its node’s name, a dash, and a number of fixed width that only grows. */
function splitSegment(id: string): [string, string] {
  const dash = id.lastIndexOf('-')
  return [id.slice(0, dash), id.slice(dash + 1)]
}

function shownRollout({ threshold: _threshold, ...rollout }: Kept): Rollout {
  return rollout
}

const eValue = (value: number) => (value < 1e6 ? value.toFixed(1) : value.toExponential(1))
const points = (difference: number | null | undefined) => (difference == null ? 'unknown' : `${(difference * 100).toFixed(2)} points`)

function missing(project: string, id: string): AppError {
  return new AppError('not_found', `project ${project} has no rollout ${id}; see "setpoint rollouts list-rollouts"`)
}
