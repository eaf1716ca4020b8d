import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { LoopRun, LoopSpec, loops } from '../../../contract/loops.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Rollouts } from '../rollouts/index.ts'
import {
  applied,
  type Cause,
  hasSpent,
  type KeptRun,
  newRun,
  noted,
  readRun,
  refusal,
  refusedRun,
  rolledBack,
  type StepResult,
  shownRun,
  wasRefusedAtOnce,
} from './run.ts'

export type Loops = Verbs<typeof loops> & {
  /**
   * Begins a run, or records why none begins; undefined when the same cause was answered already, or a run is under way, which then
   * answers for both. New labels that come during the cool-down are not recorded as refused: they are still there after it.
   */
  begin(project: string, loop: string, spec: LoopSpec, cause: Cause, key: string): Promise<KeptRun | undefined>
  find(project: string, id: string): Promise<KeptRun | undefined>
  /** The newest run of a deployment that began, whatever became of it. */
  newestBegun(project: string, deployment: string): Promise<KeptRun | undefined>
  /** Writes what a step found, unless the run was changed since it was read; answers whether it was written. */
  advance(run: KeptRun, result: StepResult): Promise<boolean>
  /** Runs that have not ended. */
  open(): Promise<readonly KeptRun[]>
}

export const loopRunsTable = { table: 'loop_runs', key: ['id'] } as const
const system = (project: string) => ({ id: 'setpoint', project })
const active: readonly LoopRun['state'][] = ['running', 'waiting_for_approval', 'held']
/** The state under which ended runs that spent a training are found. */
const SPENT = 'ended_after_training'
/** The state under which runs are found that were over before they began. */
const NEVER_BEGUN = 'refused_at_once'
const begun: readonly string[] = [...active, 'ended', SPENT]

type Deps = { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus; documents: Documents; rollouts: Rollouts }
type Runs = ReturnType<typeof createRuns>

export function createLoops(deps: Deps): Loops {
  const { sql, clock, ids, documents } = deps
  const runs = createRuns(deps)
  const { records, commit } = runs

  const begin: Loops['begin'] = async (project, loop, spec, cause, key) => {
    return await sql.transaction(async (tx) => {
      if (await records.findByKey(tx, project, key)) return undefined
      const own = { project, deployment: spec.deployment, limit: 1 }
      const [busy] = await records.list(tx, { ...own, state: active })
      if (busy) return undefined
      const [last] = await records.list(tx, { ...own, state: SPENT })
      const now = clock.now()
      const run = newRun({ id: ids('loop'), project, loop, deployment: spec.deployment, cause }, now)
      const refused = refusal(loop, spec, cause, last, now)
      if (refused !== undefined && cause.kind === 'new_labels') return undefined
      const kept = refused === undefined ? run : refusedRun(run, refused, now)
      await records.insert(tx, project, kept, key)
      await commit(tx, system(project), kept, refused === undefined ? 'started' : 'ended', 'begin', refused ?? cause.summary)
      return kept
    })
  }

  return {
    begin,
    async find(project, id) {
      const found = await records.find(sql, project, id)
      return found && readRun(found)
    },
    async newestBegun(project, deployment) {
      const [newest] = await records.list(sql, { project, deployment, state: begun, limit: 1 })
      return newest
    },
    async open() {
      return (await records.inState(sql, ['running', 'waiting_for_approval'])).map(({ record }) => record)
    },
    async advance(seen, result) {
      return await sql.transaction(async (tx) => {
        const run = await records.lock(tx, seen.project, seen.id)
        if (!run || run.step !== seen.step || run.state === 'ended' || run.state === 'held' || run.attempts !== seen.attempts) return false
        const after = applied(run, result, clock.now())
        if (JSON.stringify(after) === JSON.stringify(run)) return true
        const event = after.state === 'ended' ? 'ended' : 'advanced'
        await commit(tx, system(run.project), after, event, 'advance', 'wait' in result ? result.wait : result.summary)
        return true
      })
    },
    async listRuns({ deployment, limit }, caller) {
      return (await records.list(sql, { project: caller.project, deployment, limit })).map(shownRun)
    },
    async getRun({ id }, caller) {
      const found = await records.find(sql, caller.project, id)
      if (!found) throw missing(caller.project, id)
      return shownRun(found)
    },
    async startRun({ loop, reason }, caller) {
      const { spec } = await documents.need('Loop', caller.project, loop)
      const summary = `started by ${caller.id}: ${reason}`
      const cause: Cause = { kind: 'manual', detection: null, at: clock.now(), summary, facts: { by: caller.id } }
      const run = await begin(caller.project, loop, spec, cause, ids('manual'))
      if (!run) throw new AppError('conflict', `a run of deployment ${spec.deployment} is under way; see "setpoint loops list-runs"`)
      if (run.outcome === 'refused') throw new AppError('conflict', run.reason!)
      return shownRun(run)
    },
    ...createDecisions(deps, runs),
  }
}

/** The runs as they are kept, and the one way to write one: with its ledger entry and its event. */
function createRuns({ sql, ledger, bus }: Deps) {
  const records = createRecords<KeptRun>(
    loopRunsTable.table,
    (run) => ({
      deployment: run.deployment,
      state: hasSpent(run) ? SPENT : wasRefusedAtOnce(run) ? NEVER_BEGUN : run.state,
      at: run.startedAt,
    }),
    sql.dialect,
  )

  async function commit(
    tx: Tx,
    caller: Pick<Caller, 'id' | 'project'>,
    run: KeptRun,
    event: 'started' | 'advanced' | 'ended',
    operation: string,
    reason: string,
  ): Promise<void> {
    await records.save(tx, run)
    await ledger.seal(tx, { caller, reason, operation: `loops.${operation}`, table: loopRunsTable, key: [run.id] })
    const { loop, deployment, state, step, outcome } = run
    await bus.publish(tx, {
      name: `loops.${event}`,
      project: run.project,
      subject: run.id,
      data: { loop, deployment, state, step, outcome, reason },
    })
  }

  return { records, commit }
}

/** What a person may decide about a run. */
function createDecisions({ sql, clock, rollouts }: Deps, { records, commit }: Runs) {
  async function decide(
    caller: Caller,
    id: string,
    operation: string,
    reason: string,
    change: (run: KeptRun) => KeptRun,
  ): Promise<LoopRun> {
    return await sql.transaction(async (tx) => {
      const run = await records.lock(tx, caller.project, id)
      if (!run) throw missing(caller.project, id)
      if (run.state === 'ended') throw new AppError('conflict', `run ${id} has ended: ${run.outcome}`)
      const after = change(run)
      await commit(tx, caller, after, after.state === 'ended' ? 'ended' : 'advanced', operation, reason)
      return shownRun(after)
    })
  }

  const decisions: Pick<Loops, 'approveRun' | 'holdRun' | 'resumeRun' | 'abortRun' | 'rollBackRun'> = {
    async approveRun({ id, reason }, caller) {
      return await decide(caller, id, 'approveRun', reason, (run) => {
        if (run.state !== 'waiting_for_approval')
          throw new AppError('conflict', `run ${id} does not wait for approval; it is in step ${run.step}`)
        return noted({ ...run, state: 'running', approvals: [...run.approvals, run.step] }, `approved by ${caller.id}: ${reason}`)
      })
    },
    async holdRun({ id, reason }, caller) {
      return await decide(caller, id, 'holdRun', reason, (run) => noted({ ...run, state: 'held' }, `held by ${caller.id}: ${reason}`))
    },
    async resumeRun({ id, reason }, caller) {
      return await decide(caller, id, 'resumeRun', reason, (run) =>
        noted({ ...run, state: 'running' }, `resumed by ${caller.id}: ${reason}`),
      )
    },
    async abortRun({ id, reason }, caller) {
      const run = await records.find(sql, caller.project, id)
      if (run?.rollout && run.state !== 'ended') await rollouts.rollBack({ id: run.rollout, reason: `run aborted: ${reason}` }, caller)
      return await decide(caller, id, 'abortRun', reason, (found) =>
        applied(found, { end: 'aborted', summary: `aborted by ${caller.id}: ${reason}` }, clock.now()),
      )
    },
    async rollBackRun({ id, reason }, caller) {
      const run = await records.find(sql, caller.project, id)
      if (!run) throw missing(caller.project, id)
      if (!run.rollout) throw new AppError('conflict', `run ${id} has changed no traffic; there is nothing to roll back`)
      await rollouts.rollBack({ id: run.rollout, reason }, caller)
      return await sql.transaction(async (tx) => {
        const found = (await records.lock(tx, caller.project, id))!
        const after = rolledBack(found, `rolled back by ${caller.id}: ${reason}`, clock.now())
        await commit(tx, caller, after, 'ended', 'rollBackRun', reason)
        return shownRun(after)
      })
    },
  }
  return decisions
}

function missing(project: string, id: string): AppError {
  return new AppError('not_found', `project ${project} has no loop run ${id}; see "setpoint loops list-runs"`)
}
