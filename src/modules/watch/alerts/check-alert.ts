import { AppError } from '../../../contract/errors.ts'
import type { Rule } from '../../govern/documents/index.ts'

/** An alert that nobody owns, or that does not say what to do, would only teach people to look away. */
export const checkAlert: Rule<'Alert'> = ({ metadata, spec }) => {
  if (!spec.enabled) return
  if (!metadata.owner)
    throw new AppError('invalid', `Alert ${metadata.name}: an enabled alert needs metadata.owner, the person or team that acts on it`)
  if (!spec.runbook)
    throw new AppError('invalid', `Alert ${metadata.name}: an enabled alert needs spec.runbook, the page that says what to do`)
}
