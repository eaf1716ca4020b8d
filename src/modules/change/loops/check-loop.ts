import { AppError } from '../../../contract/errors.ts'
import type { LoopSpec } from '../../../contract/loops.ts'
import type { Rule } from '../../govern/documents/index.ts'

/** A trigger that could retrain without a gate, a canary or a way back may be written down, but not enabled. */
export const checkLoop: Rule<'Loop'> = ({ metadata, spec }, others) => {
  if (!spec.enabled) return
  const missing = (['trainer', 'gate', 'rollout'] as const).filter((field) => spec[field] === undefined)
  if (missing.length > 0)
    throw new AppError(
      'invalid',
      `Loop ${metadata.name}: an enabled loop needs ${missing.map((field) => `spec.${field}`).join(', ')}; set "enabled: false" until they are there`,
    )
  checkTriggers(metadata.name, spec)
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

/** Refuses an enabled loop that nothing begins, or whose turns would fall into the rest after the turn before. */
function checkTriggers(loop: string, { triggers, cooldownSeconds }: LoopSpec): void {
  const { detections, droppedEstimates, lastingDrift, everyHours, newLabels } = triggers
  if (!detections && !droppedEstimates && !lastingDrift && everyHours === undefined && newLabels === undefined)
    throw new AppError(
      'invalid',
      `Loop ${loop}: spec.triggers: nothing begins a run; name one of detections, lastingDrift, droppedEstimates, everyHours, newLabels, or set "enabled: false"`,
    )
  if (everyHours !== undefined && everyHours * 3_600 <= cooldownSeconds)
    throw new AppError(
      'invalid',
      `Loop ${loop}: spec.triggers.everyHours: turns ${everyHours} h apart fall into the cool-down of ${cooldownSeconds / 3_600} h; lengthen the one or shorten spec.cooldownSeconds`,
    )
}
