import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { LoopRun, LoopSpec, LoopStep, LoopStepName, loops } from '../../../contract/loops.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Documents, Rule } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Rollouts } from '../rollouts/index.ts'

type Cause = LoopRun['cause']
/** What a step found, and where the run goes from there. */
export type StepResult =
  | { readonly go: LoopStepName; readonly summary: string; readonly evidence?: Record<string, unknown>; readonly patch?: RunPatch }
  | {
      readonly end: NonNullable<LoopRun['outcome']>
      readonly summary: string
      readonly evidence?: Record<string, unknown>
      readonly patch?: RunPatch
    }
  | { readonly wait: string; readonly patch?: RunPatch; readonly approval?: boolean }
type RunPatch = Partial<Pick<LoopRun, 'incident' | 'training' | 'challenger' | 'verdict' | 'rollout' | 'quarantines'>>
/** A run as it is kept: with what only the flow needs. */
export type KeptRun = LoopRun & { readonly project: string; readonly approvals: readonly LoopStepName[]; readonly attempts: number }

export type Loops = Verbs<typeof loops> & {
  /** Begins a run, or records why none begins; undefined when the same cause was answered already, or a run is under way, which then answers for both. */
  begin(project: string, loop: string, spec: LoopSpec, cause: Cause, key: string): Promise<KeptRun | undefined>
  find(project: string, id: string): Promise<KeptRun | undefined>
  /** Writes what a step found, unless the run was changed since it was read; answers whether it was written. */
  advance(run: KeptRun, result: StepResult): Promise<boolean>
  /** Runs that have not ended. */
  open(): Promise<readonly KeptRun[]>
}

export const loopRunsTable = { table: 'loop_runs', key: ['id'] } as const
const system = (project: string) => ({ id: 'setpoint', project })
/** Outcomes after which the loop rests: a training was spent. */
const spent: ReadonlySet<string> = new Set(['promoted', 'rolled_back', 'refused', 'failed'])
const active: readonly LoopRun['state'][] = ['running', 'waiting_for_approval', 'held']

/** A trigger that could retrain without a gate, a canary or a way back may be written down, but not enabled. */
export const checkLoop: Rule<'Loop'> = ({ metadata, spec }, others) => {
  if (!spec.enabled) return
  const missing = (['trainer', 'gate', 'rollout'] as const).filter((field) => spec[field] === undefined)
  if (missing.length > 0)
    throw new AppError(
      'invalid',
      `Loop ${metadata.name}: an enabled loop needs ${missing.map((field) => `spec.${field}`).join(', ')}; set "enabled: false" until they are there`,
    )
  const named = [
    ['Deployment', spec.deployment],
    ['Monitor', spec.monitor],
    ['Trainer', spec.trainer!],
    ['Gate', spec.gate!],
  ] as const
  for (const [kind, name] of named)
    if (!others.has(kind, name))
      throw new AppError('invalid', `Loop ${metadata.name}: there is no ${kind} ${name}; apply it first or in the same call`)
}

export function createLoops(deps: {
  sql: Sql
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  documents: Documents
  rollouts: Rollouts
}): Loops {
  const { sql, clock, ids, ledger, bus, documents } = deps
  const records = createRecords<KeptRun>(
    loopRunsTable.table,
    (run) => ({ deployment: run.deployment, state: run.state, at: run.startedAt }),
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

  function newRun(project: string, loop: string, deployment: string, cause: Cause): KeptRun {
    const now = clock.now()
    const step: LoopStep = { name: 'detect', state: 'running', summary: cause.summary, evidence: {}, startedAt: now, endedAt: null }
    const none = {
      outcome: null,
      reason: null,
      incident: null,
      training: null,
      challenger: null,
      verdict: null,
      rollout: null,
      endedAt: null,
    }
    return {
      id: ids('loop'),
      project,
      loop,
      deployment,
      state: 'running',
      step: 'detect',
      cause,
      quarantines: [],
      steps: [step],
      startedAt: now,
      approvals: [],
      attempts: 0,
      ...none,
    }
  }

  /** Why no run may begin now, if so. */
  function refusal(loop: string, spec: LoopSpec, cause: Cause, earlier: readonly KeptRun[]): string | undefined {
    if (!spec.enabled) return `loop ${loop} is not enabled`
    if (cause.kind === 'manual') return undefined
    const last = earlier.find((run) => run.outcome !== null && spent.has(run.outcome) && run.training !== null)
    const restsUntil = last ? last.endedAt! + spec.cooldownSeconds * 1_000 : 0
    return restsUntil > clock.now() ? `cool-down after run ${last!.id}, until ${new Date(restsUntil).toISOString()}` : undefined
  }

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

  const verbs: Loops = {
    async begin(project, loop, spec, cause, key) {
      return await sql.transaction(async (tx) => {
        if (await records.findByKey(tx, project, key)) return undefined
        const earlier = await records.list(tx, { project, deployment: spec.deployment, limit: 20 })
        if (earlier.some((run) => active.includes(run.state))) return undefined
        const run = newRun(project, loop, spec.deployment, cause)
        const refused = refusal(loop, spec, cause, earlier)
        const now = clock.now()
        const kept: KeptRun =
          refused === undefined
            ? run
            : {
                ...run,
                state: 'ended',
                outcome: 'refused',
                reason: refused,
                endedAt: now,
                steps: [{ ...run.steps[0]!, state: 'done', endedAt: now }],
              }
        await records.insert(tx, project, kept, key)
        await commit(tx, system(project), kept, refused === undefined ? 'started' : 'ended', 'begin', refused ?? cause.summary)
        return kept
      })
    },
    find: (project, id) => records.find(sql, project, id),
    async open() {
      return (await records.inState(sql, ['running', 'waiting_for_approval'])).map(({ record }) => record)
    },
    async advance(seen, result) {
      return await sql.transaction(async (tx) => {
        const run = await records.lock(tx, seen.project, seen.id)
        if (!run || run.step !== seen.step || run.state === 'ended' || run.state === 'held' || run.attempts !== seen.attempts) return false
        const after = applied(run, result, clock.now())
        if (JSON.stringify(after) === JSON.stringify(run)) return true
        await commit(
          tx,
          system(run.project),
          after,
          after.state === 'ended' ? 'ended' : 'advanced',
          'advance',
          'wait' in result ? result.wait : result.summary,
        )
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
      const cause: Cause = { kind: 'manual', detection: null, at: clock.now(), summary: `started by ${caller.id}: ${reason}` }
      const run = await verbs.begin(caller.project, loop, spec, cause, ids('manual'))
      if (!run) throw new AppError('conflict', `a run of deployment ${spec.deployment} is under way; see "setpoint loops list-runs"`)
      if (run.outcome === 'refused') throw new AppError('conflict', run.reason!)
      return shownRun(run)
    },
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
      if (run?.rollout && run.state !== 'ended') await deps.rollouts.rollBack({ id: run.rollout, reason: `run aborted: ${reason}` }, caller)
      return await decide(caller, id, 'abortRun', reason, (found) =>
        applied(found, { end: 'aborted', summary: `aborted by ${caller.id}: ${reason}` }, clock.now()),
      )
    },
    async rollBackRun({ id, reason }, caller) {
      const run = await records.find(sql, caller.project, id)
      if (!run) throw missing(caller.project, id)
      if (!run.rollout) throw new AppError('conflict', `run ${id} has changed no traffic; there is nothing to roll back`)
      await deps.rollouts.rollBack({ id: run.rollout, reason }, caller)
      return await sql.transaction(async (tx) => {
        const found = (await records.lock(tx, caller.project, id))!
        const after: KeptRun = {
          ...found,
          state: 'ended',
          outcome: 'rolled_back',
          reason: `rolled back by ${caller.id}: ${reason}`,
          endedAt: found.endedAt ?? clock.now(),
        }
        await commit(tx, caller, after, 'ended', 'rollBackRun', reason)
        return shownRun(after)
      })
    },
  }
  return verbs
}

/** The run after a step’s result: the step closed or still running, the next one opened. */
function applied(run: KeptRun, result: StepResult, nowMs: number): KeptRun {
  const patched = { ...run, ...result.patch }
  if ('wait' in result) return noted({ ...patched, state: result.approval ? 'waiting_for_approval' : 'running' }, result.wait)
  const closed: LoopStep = {
    ...patched.steps.at(-1)!,
    state: 'end' in result && result.end === 'failed' ? 'failed' : 'done',
    summary: result.summary,
    evidence: result.evidence ?? {},
    endedAt: nowMs,
  }
  const steps = [...patched.steps.slice(0, -1), closed]
  if ('end' in result) return { ...patched, state: 'ended', outcome: result.end, reason: result.summary, endedAt: nowMs, steps }
  const next: LoopStep = { name: result.go, state: 'running', summary: '', evidence: {}, startedAt: nowMs, endedAt: null }
  return {
    ...patched,
    state: 'running',
    step: result.go,
    steps: [...steps, next],
    attempts: run.attempts + (result.go === 'retrain' ? 1 : 0),
  }
}

function noted(run: KeptRun, summary: string): KeptRun {
  return { ...run, steps: [...run.steps.slice(0, -1), { ...run.steps.at(-1)!, summary }] }
}

function shownRun({ project: _project, approvals: _approvals, attempts: _attempts, ...run }: KeptRun): LoopRun {
  return run
}

function missing(project: string, id: string): AppError {
  return new AppError('not_found', `project ${project} has no loop run ${id}; see "setpoint loops list-runs"`)
}
