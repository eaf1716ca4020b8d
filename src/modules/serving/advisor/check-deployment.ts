import { AppError } from '../../../contract/errors.ts'
import type { Rule } from '../../govern/documents/index.ts'
import { createDecisionRecords } from './store.ts'

/** In production a deployment serves in the mode that somebody chose for it, with everything that the mode makes mandatory. */
export function createCheckDeployment(dialect: 'sqlite' | 'postgresql'): Rule<'Deployment'> {
  const records = createDecisionRecords(dialect)
  return async ({ metadata: { name }, spec }, _others, { project, tx }) => {
    if (spec.environment !== 'production') return
    const refuse = (problem: string): never => {
      throw new AppError(
        'invalid',
        `Deployment ${name}: ${problem}; run "setpoint advise serving --deployment ${name}" with what is needed of it, and name the id of the decision as spec.decision`,
      )
    }
    if (spec.decision === undefined) return refuse(`in production it needs a recorded decision for the mode ${spec.mode}`)
    const decision = await records.find(tx, project, spec.decision)
    if (!decision) return refuse(`there is no serving decision ${spec.decision}`)
    if (decision.mode !== spec.mode) refuse(`its mode is ${spec.mode}, but the decision ${decision.id} is for ${decision.mode}`)
    if (decision.deployment !== null && decision.deployment !== name)
      refuse(`the decision ${decision.id} is about the deployment ${decision.deployment}`)
    const missing = decision.required.filter(({ mandatory, given }) => mandatory && given === null).map(({ item }) => item)
    if (missing.length > 0) refuse(`the decision ${decision.id} lacks what ${spec.mode} makes mandatory: ${missing.join(', ')}`)
  }
}
