import { AppError } from '../../../contract/errors.ts'
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
