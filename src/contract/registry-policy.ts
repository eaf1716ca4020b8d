import { z } from 'zod'

/** What a registration can be asked to have. */
const requirements = ['owner', 'commit', 'dataSnapshot', 'evaluation', 'reference'] as const

/** A project’s rule for its registry; the document named `default` is in force. */
export const RegistryPolicySpec = z.strictObject({
  require: z.array(z.enum(requirements)).default(['owner', 'commit', 'dataSnapshot', 'evaluation']),
  enforcement: z.enum(['refuse', 'warn']).default('warn').describe('refuse: a registration without them is not accepted'),
  stages: z
    .enum(['free', 'ordered'])
    .default('free')
    .describe('ordered: a version moves one stage at a time, experimental → candidate → staging → production → archived'),
})
export type RegistryPolicySpec = z.infer<typeof RegistryPolicySpec>
