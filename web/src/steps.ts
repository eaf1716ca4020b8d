import type { GateCheck } from '../../src/contract/gates.ts'
import { type LoopRun, type LoopStep, LoopStepName } from '../../src/contract/loops.ts'

const byName: readonly LoopStepName[] = LoopStepName.options

/** The steps a run would still take if nothing stopped it. Quarantine is a way of its own that ends the run. */
export function stepsAhead(run: LoopRun): readonly LoopStepName[] {
  if (run.state === 'ended') return []
  return byName.slice(byName.indexOf(run.step) + 1).filter((name) => name !== 'quarantine')
}

/** Outcomes that a run’s last step came to by saying no. */
const stopped: ReadonlySet<string> = new Set(['refused', 'rolled_back', 'aborted'])

/** How a step looks: where the run is now, what it refused, or how the step ended. */
export function stepClass(run: LoopRun, index: number): string {
  const step = run.steps[index]!
  const last = index === run.steps.length - 1
  if (last && run.state !== 'ended') return `current ${run.state}`
  return refused(step) || (last && stopped.has(run.outcome ?? '')) ? 'refused' : step.state
}

function refused(step: LoopStep): boolean {
  const checks = step.evidence.checks as GateCheck[] | undefined
  return step.name === 'gate' && checks !== undefined && checks.some((check) => check.outcome !== 'pass')
}

/** The value under a path of keys in evidence, whose shape each step decides. */
export function numberIn(evidence: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = evidence[key]
  return typeof value === 'number' ? value : undefined
}

export function textsIn(evidence: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = evidence[key]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
