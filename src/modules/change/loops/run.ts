import type { LoopRun, LoopSpec, LoopStep, LoopStepName } from '../../../contract/loops.ts'

export type Cause = LoopRun['cause']
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

/** Outcomes after which the loop rests: a training was spent. */
const spent: ReadonlySet<string> = new Set(['promoted', 'rolled_back', 'refused', 'failed'])

type Begun = Pick<KeptRun, 'id' | 'project' | 'loop' | 'deployment' | 'cause'>

/** A run at its first step. */
export function newRun(begun: Begun, nowMs: number): KeptRun {
  const { cause } = begun
  return {
    ...begun,
    state: 'running',
    step: 'detect',
    outcome: null,
    reason: null,
    incident: null,
    quarantines: [],
    training: null,
    challenger: null,
    verdict: null,
    rollout: null,
    steps: [{ name: 'detect', state: 'running', summary: cause.summary, evidence: {}, startedAt: nowMs, endedAt: null }],
    startedAt: nowMs,
    endedAt: null,
    approvals: [],
    attempts: 0,
  }
}

/** The run as it is kept when it may not begin: over before anything was done. */
export function refusedRun(run: KeptRun, reason: string, nowMs: number): KeptRun {
  const steps: LoopStep[] = [{ ...run.steps[0]!, state: 'done', endedAt: nowMs }]
  return { ...run, state: 'ended', outcome: 'refused', reason, endedAt: nowMs, steps }
}

/** Whether a run has used up a training, so that the loop rests after it. */
export function hasSpent(run: KeptRun): boolean {
  return run.outcome !== null && spent.has(run.outcome) && run.training !== null
}

/** Whether a run was over before it began, in the cool-down of the one before. */
export function wasRefusedAtOnce({ outcome, step }: KeptRun): boolean {
  return outcome === 'refused' && step === 'detect'
}

/** Why no run may begin now, if so. `last` is the deployment’s newest run that spent a training. */
export function refusal(loop: string, spec: LoopSpec, cause: Cause, last: KeptRun | undefined, nowMs: number): string | undefined {
  if (!spec.enabled) return `loop ${loop} is not enabled`
  if (cause.kind === 'manual') return undefined
  const restsUntil = last ? last.endedAt! + spec.cooldownSeconds * 1_000 : 0
  return restsUntil > nowMs ? `cool-down after run ${last!.id}, until ${new Date(restsUntil).toISOString()}` : undefined
}

/** The run after a step’s result: the step closed or still running, the next one opened. */
export function applied(run: KeptRun, result: StepResult, nowMs: number): KeptRun {
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

/** The run after what it promoted was taken back; it may have ended before. */
export function rolledBack(run: KeptRun, reason: string, nowMs: number): KeptRun {
  return { ...run, state: 'ended', outcome: 'rolled_back', reason, endedAt: run.endedAt ?? nowMs }
}

/** The run with what its present step has to say. */
export function noted(run: KeptRun, summary: string): KeptRun {
  return { ...run, steps: [...run.steps.slice(0, -1), { ...run.steps.at(-1)!, summary }] }
}

/** A run as it is read: one that was kept before causes had facts has none. */
export function readRun(run: KeptRun): KeptRun {
  return { ...run, cause: { ...run.cause, facts: run.cause.facts ?? {} } }
}

export function shownRun(run: KeptRun): LoopRun {
  const { project: _project, approvals: _approvals, attempts: _attempts, ...shown } = readRun(run)
  return shown
}
