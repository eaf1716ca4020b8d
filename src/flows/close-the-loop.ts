import type { Caller } from '../contract/endpoint.ts'
import { AppError, messageFrom } from '../contract/errors.ts'
import type { GateVerdict } from '../contract/gates.ts'
import type { LoopSpec, LoopStepName } from '../contract/loops.ts'
import type { Bus, BusEvent } from '../infra/bus/index.ts'
import type { Clock } from '../infra/clock.ts'
import type { Jobs } from '../infra/jobs/index.ts'
import type { Log } from '../infra/log.ts'
import type { Sql } from '../infra/sql/index.ts'
import type { Gates } from '../modules/change/gates/index.ts'
import type { Incidents } from '../modules/change/incidents/index.ts'
import type { KeptRun, Loops, StepResult } from '../modules/change/loops/index.ts'
import type { Retraining } from '../modules/change/retraining/index.ts'
import type { Rollouts } from '../modules/change/rollouts/index.ts'
import type { Triage } from '../modules/change/triage/index.ts'
import type { QuarantineWindows } from '../modules/data/quarantine/index.ts'
import type { Documents } from '../modules/govern/documents/index.ts'
import type { Drift } from '../modules/watch/drift/index.ts'
import type { Estimates } from '../modules/watch/estimates/index.ts'
import { confirmShift } from './confirm-shift.ts'

type Deps = {
  sql: Sql
  bus: Bus
  jobs: Jobs
  clock: Clock
  log: Log
  documents: Documents
  drift: Drift
  estimates: Estimates
  triage: Triage
  quarantine: QuarantineWindows
  retraining: Retraining
  gates: Gates
  rollouts: Rollouts
  incidents: Incidents
  loops: Loops
}
type Step = { readonly run: KeptRun; readonly spec: LoopSpec; readonly caller: Caller; readonly name: string }

/** How soon a waiting step is looked at again when no event wakes it before. */
const LOOK_AGAIN_MS = 1_000
/** How many versions that once were champion are asked whether they are the best again. */
const FORMER_CHAMPIONS = 5
/** How soon a gate without enough labels is asked again. */
const GATE_AGAIN_MS = 5_000
/** How long before its detection a shift may have begun. */
const LOOK_BACK_MS = 60_000
/** Causes that claim no shift: a person or the clock wants a training, or there is more to learn from. */
const shiftless: ReadonlySet<KeptRun['cause']['kind']> = new Set(['manual', 'schedule', 'new_labels'])

/**
 * The loop: detect → corroborate → triage → quarantine or retrain → gate → approve → shadow → canary → close. A durable
 * state machine: each step is done under keys made of the run’s id, so that doing it again after a crash changes nothing,
 * and what it found is written in one transaction with the move to the next step.
 */
export function closeTheLoop(deps: Deps): { start(): Promise<void> } {
  const { bus, jobs, clock, loops, sql } = deps
  /** However many events wake a run, it is looked at once in each stretch of time. */
  const wake = (project: string, run: string, runAtMs = clock.now()) =>
    jobs.enqueue(sql, {
      kind: 'loops.advance',
      project,
      payload: { project, run },
      runAtMs,
      key: `${run}/${Math.floor(runAtMs / LOOK_AGAIN_MS)}`,
    })
  const busy = new Set<string>()

  jobs.define('loops.advance', {
    maxAttempts: 20,
    run: async ({ payload }) => {
      const { project, run } = payload as { project: string; run: string }
      if (busy.has(run)) return
      busy.add(run)
      try {
        if ((await advance(deps, project, run)) === 'waiting') await wake(project, run, clock.now() + LOOK_AGAIN_MS)
      } finally {
        busy.delete(run)
      }
    },
  })

  const wakeRun = async ({ project, data }: BusEvent) => {
    const { loopRun } = data as { loopRun?: string | null }
    if (loopRun) await wake(project, loopRun)
  }
  bus.on('retraining.ended', 'loop', wakeRun)
  bus.on('rollouts.ended', 'loop', wakeRun)
  bus.on('loops.started', 'loop', async ({ project, subject }) => void (await wake(project, subject)))

  return {
    /** Takes up every open run where it was. */
    async start() {
      for (const run of await loops.open()) await wake(run.project, run.id)
    },
  }
}

/** Does the steps of a run until one has to wait. */
async function advance(deps: Deps, project: string, id: string): Promise<'waiting' | 'over'> {
  for (;;) {
    const run = await deps.loops.find(project, id)
    if (!run || run.state === 'ended') return 'over'
    if (run.state === 'held') return 'waiting'
    const result = await take(deps, run)
    if ('end' in result) await settle(deps, run, result.end, result.summary)
    await deps.loops.advance(run, result)
    if ('wait' in result) return 'waiting'
  }
}

async function take(deps: Deps, run: KeptRun): Promise<StepResult> {
  const caller: Caller = { id: `loop/${run.loop}`, project: run.project, scopes: new Set(['read', 'write', 'approve']), requestId: run.id }
  try {
    const { spec } = await deps.documents.need('Loop', run.project, run.loop)
    return await steps[run.step](deps, { run, spec, caller, name: run.loop })
  } catch (error) {
    if (error instanceof AppError && ['not_found', 'conflict', 'invalid', 'unsafe'].includes(error.code))
      return { end: 'failed', summary: `step ${run.step} cannot be done: ${messageFrom(error)}` }
    deps.log.warn('loop.step_failed', { run: run.id, step: run.step, error })
    throw error
  }
}

const steps: Readonly<Record<LoopStepName, (deps: Deps, step: Step) => Promise<StepResult>>> = {
  async detect(_deps, { run }) {
    const { facts, ...cause } = run.cause
    return { go: 'corroborate', summary: cause.summary, evidence: { ...facts, ...cause } }
  },

  /** One alarm opens a ticket; a second signal, or a second alarm from new rows alone, is needed to act on it. */
  async corroborate({ drift, estimates, clock, incidents }, { run, spec, caller }) {
    if (shiftless.has(run.cause.kind))
      return { go: 'triage', summary: `${run.cause.summary}; no shift is claimed, so no second signal is asked for` }
    const seen = await drift.crossings(run.project, spec.monitor)
    const incident = await incidents.openIncident(
      {
        deployment: run.deployment,
        title: `Drift: ${run.cause.summary}`.slice(0, 200),
        severity: 'ticket',
        loopRun: run.id,
        key: run.id,
        reason: run.cause.summary,
      },
      caller,
    )
    const patch = { incident: incident.id }
    const confirmed = await confirmShift({ estimates }, { cause: run.cause, seen, monitor: spec.monitor, caller })
    if (confirmed) return { go: 'triage', summary: `confirmed by ${confirmed}`, evidence: { crossings: seen }, patch }
    if (clock.now() - run.startedAt > spec.corroborate.withinSeconds * 1_000)
      return {
        end: 'dismissed',
        summary: `no second signal within ${spec.corroborate.withinSeconds} s`,
        evidence: { crossings: seen },
        patch,
      }
    return { wait: 'waiting for a second signal', patch }
  },

  /** Broken data shows in the rows alone; everything else is judged once enough labels are there. */
  async triage({ triage, drift, clock }, { run, spec }) {
    const detection = run.cause.detection === null ? undefined : await drift.getDetection(run.project, run.cause.detection)
    const window = {
      project: run.project,
      spec,
      fromMs: run.cause.at,
      toMs: clock.now(),
      moved: detection
        ? detection.top.filter((stream) => stream.share >= 0.05).map((stream) => stream.stream)
        : ((run.cause.facts.columns as string[] | undefined) ?? []),
    }
    const labelled = await triage.countLabelled(window)
    const waited = clock.now() - run.startedAt > spec.corroborate.withinSeconds * 1_000
    const enough = labelled >= spec.corroborate.labelledRows || waited
    const firstLook = run.steps.at(-1)!.summary === ''
    if (!enough && !firstLook) return { wait: `waiting for labels: ${labelled} of ${spec.corroborate.labelledRows}` }
    const found = await triage.diagnose(window)
    if (!found) return { wait: 'waiting for the champion’s reference' }
    if (!enough && found.cause !== 'broken_data') return { wait: `waiting for labels: ${labelled} of ${spec.corroborate.labelledRows}` }
    const { cause, actors, labelSources } = found
    const result = { summary: found.summary, evidence: { cause, actors, labelSources, ...found.evidence, monitor: spec.monitor } }
    switch (found.cause) {
      case 'no_loss':
        return shiftless.has(run.cause.kind)
          ? { go: 'retrain', ...result, summary: 'quality has not fallen; trained all the same, as was asked' }
          : { end: 'dismissed', ...result }
      case 'broken_data':
      case 'poisoned_labels':
        return { go: 'quarantine', ...result }
      case 'evasion':
      case 'real_change':
        return { go: 'retrain', ...result }
    }
  },

  /** Keeps what is broken or poisoned out of training, from before the detection until somebody lifts it. */
  async quarantine({ quarantine, drift }, { run, spec, caller }) {
    const { cause, labelSources } = run.steps.find((step) => step.name === 'triage')!.evidence as { cause: string; labelSources: string[] }
    const reference = await drift.reference(run.project, spec.monitor)
    const fromMs = Math.max(reference?.watchedSinceMs ?? 0, run.cause.at - LOOK_BACK_MS)
    const poisoned = cause === 'poisoned_labels'
    const scope = { fromMs, toMs: null, ...(poisoned ? { labelSources } : {}) }
    const reason = run.steps.find((step) => step.name === 'triage')!.summary
    const window = await quarantine.addWindow(
      { deployment: run.deployment, scope, cause: poisoned ? 'attack' : 'broken_data', loopRun: run.id, reason },
      caller,
    )
    const what = poisoned ? `labels of ${labelSources.join(', ')}` : 'all rows'
    return {
      end: 'quarantined',
      summary: `${what} since ${new Date(fromMs).toISOString()} are kept out of training; no retraining, because there is nothing right to learn`,
      evidence: { quarantine: window.id, scope },
      patch: { quarantines: [window.id] },
    }
  },

  async retrain({ retraining }, { run, spec, caller }) {
    const training = await retraining.startTraining(
      {
        trainer: spec.trainer!,
        deployment: run.deployment,
        changedAt: run.cause.at,
        loopRun: run.id,
        key: `${run.id}/${run.attempts}`,
        reason: run.cause.summary,
      },
      caller,
    )
    const patch = { training: training.id }
    const evidence = { training: training.id, snapshot: training.snapshot, attempt: run.attempts }
    if (training.state === 'succeeded')
      return {
        go: 'gate',
        summary: `version ${training.version} trained on ${training.snapshot!.rows} live and ${training.snapshot!.referenceRows} reference rows; ${training.snapshot!.quarantinedRows} quarantined rows left out`,
        evidence,
        patch: { ...patch, challenger: training.version },
      }
    if (training.state === 'queued' || training.state === 'running') return { wait: `training ${training.id} is ${training.state}`, patch }
    if (run.attempts < spec.maxTrainings && training.state === 'failed')
      return { go: 'retrain', summary: `training failed: ${training.problem}; once more`, evidence, patch }
    return { end: 'failed', summary: `training ${training.state}: ${training.problem}`, evidence, patch }
  },

  /**
   * The gate looks at rows the challenger never saw: those held out from its training, and all that came since. Former
   * champions are asked too: what was right once may be right again, and costs no rollout of something unknown.
   */
  async gate({ gates, retraining, rollouts, clock }, { run, spec, caller }) {
    const training = await retraining.getTraining({ id: run.training! }, caller)
    const look = Math.floor((clock.now() - run.steps.at(-1)!.startedAt) / GATE_AGAIN_MS)
    const former = await rollouts.formerChampions(run.project, run.deployment, FORMER_CHAMPIONS)
    const verdicts: GateVerdict[] = []
    for (const challenger of new Set([training.version!, ...former])) {
      const key = `${run.id}/${run.attempts}/${challenger}/${look}`
      verdicts.push(
        await gates.evaluateGate(
          { gate: spec.gate!, deployment: run.deployment, challenger, fromMs: training.heldOutFromMs!, toMs: clock.now(), key },
          caller,
        ),
      )
    }
    const trained = verdicts[0]!
    const [best] = verdicts.filter(({ verdict }) => verdict === 'pass').sort((a, b) => b.checks[0]!.difference! - a.checks[0]!.difference!)
    const evidence = {
      verdict: (best ?? trained).id,
      checks: (best ?? trained).checks,
      asked: verdicts.map(({ challenger, verdict, reason }) => ({ version: challenger, verdict, reason })),
    }
    if (best) {
      const again = best === trained ? '' : `version ${best.challenger}, a former champion, is the best again: `
      return { go: 'approve', summary: `${again}${best.reason}`, evidence, patch: { verdict: best.id, challenger: best.challenger } }
    }
    const patch = { verdict: trained.id }
    if (trained.verdict === 'insufficient_data' && clock.now() - run.steps.at(-1)!.startedAt < spec.corroborate.withinSeconds * 1_000)
      return { wait: `waiting for labels: ${trained.reason}`, patch }
    if (run.attempts < spec.maxTrainings)
      return {
        go: 'retrain',
        summary: `version ${trained.challenger} refused (${trained.reason}); once more with the labels since`,
        evidence,
        patch,
      }
    return { end: 'refused', summary: `version ${trained.challenger} refused: ${trained.reason}`, evidence, patch }
  },

  async approve(_deps, { run, spec }) {
    if (spec.approval !== 'before_rollout') return { go: 'shadow', summary: 'no approval is asked for before the rollout' }
    if (run.approvals.includes('approve')) return { go: 'shadow', summary: run.steps.at(-1)!.summary }
    return { wait: `version ${run.challenger} passed the gate and waits for approval`, approval: true }
  },

  async shadow({ rollouts }, { run, spec, caller }) {
    const promotion = spec.approval === 'before_promotion' ? 'by_hand' : spec.rollout!.promotion
    const rollout = await rollouts.startRollout(
      {
        deployment: run.deployment,
        challenger: run.challenger!,
        plan: { ...spec.rollout!, promotion },
        loopRun: run.id,
        key: `${run.id}/${run.challenger}`,
        reason: run.cause.summary,
      },
      caller,
    )
    const patch = { rollout: rollout.id }
    const evidence = { rollout: rollout.id, shadow: rollout.shadow }
    if (rollout.state === 'shadow') return { wait: `in shadow: ${rollout.shadow?.rows ?? 0} paired labelled rows`, patch }
    if (rollout.state === 'rolled_back') return { end: 'rolled_back', summary: rollout.verdict!, evidence, patch }
    return { go: 'canary', summary: `not worse in shadow on ${rollout.shadow?.rows ?? 0} paired labelled rows`, evidence, patch }
  },

  async canary({ rollouts }, { run, caller }) {
    const rollout = await rollouts.getRollout({ id: run.rollout! }, caller)
    const evidence = { rollout: rollout.id, canary: rollout.canary }
    if (rollout.state === 'promoted') return { go: 'close', summary: rollout.verdict!, evidence }
    if (rollout.state === 'rolled_back') return { end: 'rolled_back', summary: rollout.verdict!, evidence }
    if (rollout.state !== 'won')
      return { wait: `serving ${rollout.plan.canary.percent} % of requests: ${rollout.canary?.rows ?? 0} paired labelled rows` }
    if (!run.approvals.includes('canary'))
      return { wait: `version ${run.challenger} won its canary and waits for approval`, approval: true }
    await rollouts.promoteChallenger({ id: rollout.id, reason: run.steps.at(-1)!.summary }, caller)
    return { wait: 'promoting' }
  },

  async close(_deps, { run }) {
    return { end: 'promoted', summary: `version ${run.challenger} is the champion` }
  },
}

/** Leaves nothing behind that the run opened: its incident is closed, and the monitor watches afresh where the cause was dealt with. */
async function settle({ incidents, drift, documents }: Deps, run: KeptRun, outcome: string, summary: string): Promise<void> {
  const caller: Caller = { id: `loop/${run.loop}`, project: run.project, scopes: new Set(['write']), requestId: run.id }
  if (run.incident)
    await incidents.closeIncident(
      {
        id: run.incident,
        cause: run.steps.find((step) => step.name === 'triage')?.summary || run.cause.summary,
        resolution: `${outcome}: ${summary}`.slice(0, 2_000),
        reason: `loop run ${run.id} ended`,
      },
      caller,
    )
  const cause = run.steps.find((step) => step.name === 'triage')?.evidence.cause
  const loop = await documents.find('Loop', run.project, run.loop)
  if (!loop) return
  if (outcome !== 'dismissed' && cause !== 'broken_data') await drift.reset(run.project, loop.spec.monitor)
}
