import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion, Stage } from '../../../contract/model-record.ts'
import { RegistryPolicySpec } from '../../../contract/registry-policy.ts'
import type { Documents } from '../../govern/documents/index.ts'

/** The registry’s rule of a project: the RegistryPolicy named `default`, or what that would be without a line in it. */
export async function policyOf(documents: Documents, project: string): Promise<RegistryPolicySpec> {
  return (await documents.find('RegistryPolicy', project, 'default'))?.spec ?? RegistryPolicySpec.parse({})
}

const warnings: Readonly<Record<RegistryPolicySpec['require'][number], string>> = {
  owner: 'no owner',
  commit: 'no code commit',
  dataSnapshot: 'no data snapshot',
  evaluation: 'no evaluation report',
  reference: 'no reference rows: drift cannot be watched',
}

/** Throws `invalid` naming everything that the policy asks for and a registration lacks, where the policy refuses. */
export function missingFrom(policy: RegistryPolicySpec, version: Pick<ModelVersion, 'model' | 'warnings'>): void {
  if (policy.enforcement !== 'refuse') return
  const missing = policy.require.filter((requirement) => version.warnings.includes(warnings[requirement]))
  if (missing.length === 0) return
  throw new AppError(
    'invalid',
    `the registry policy of this project refuses a version of ${version.model} without ${missing.join(', ')}; give them with the registration`,
    { missing },
  )
}

/** Which stages follow which, where stages are ordered. */
const next: Readonly<Record<Stage, readonly Stage[]>> = {
  experimental: ['candidate', 'archived'],
  candidate: ['staging', 'experimental', 'archived'],
  staging: ['production', 'candidate', 'archived'],
  production: ['archived', 'candidate'],
  archived: ['candidate'],
}

/** Throws `conflict` naming the stages that may follow. */
export function checkTransition(policy: RegistryPolicySpec, from: Stage, to: Stage): void {
  if (policy.stages === 'free' || from === to || next[from].includes(to)) return
  throw new AppError(
    'conflict',
    `a version goes from ${from} to ${next[from].join(' or ')}, not to ${to}: stages are ordered in this project`,
    {
      from,
      to,
      errorCode: 'INVALID_PARAMETER_VALUE',
    },
  )
}
