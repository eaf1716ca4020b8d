import { z } from 'zod'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { type KindName, kinds, Manifest } from '../../../contract/kinds.ts'
import { describeIssues } from '../../../infra/http/bind.ts'

/**
 * A document as given, checked by its kind’s schema and with its defaults filled in. `index` counts from 0. Throws `invalid`
 * with the path of what is wrong, `forbidden` when the caller may not change it.
 */
export function checkManifest(value: unknown, index: number, caller: Caller): Manifest {
  const parsed = Manifest.safeParse(value)
  if (!parsed.success) throw new AppError('invalid', `document ${index + 1}: ${describeIssues(parsed.error)}`)
  const { kind, metadata } = parsed.data
  if (metadata.project !== undefined && metadata.project !== caller.project)
    throw new AppError(
      'forbidden',
      `${kind} ${metadata.name} is meant for project ${metadata.project}, but this key acts in ${caller.project}`,
    )
  requireScope(kind, metadata.name, caller)
  const schema: z.ZodType = kinds[kind].spec
  const spec = schema.safeParse(parsed.data.spec)
  if (!spec.success)
    throw new AppError(
      'invalid',
      `${kind} ${metadata.name}: ${describeIssues(new z.ZodError(spec.error.issues.map((issue) => ({ ...issue, path: ['spec', ...issue.path] }))))}`,
    )
  return { ...parsed.data, spec: spec.data as Record<string, unknown> }
}

/** Throws `forbidden` when the caller lacks the scope that this kind asks for. */
export function requireScope(kind: KindName, name: string, caller: Caller): void {
  const { scope } = kinds[kind]
  if (!caller.scopes.has(scope)) throw new AppError('forbidden', `changing ${kind} ${name} needs the scope "${scope}"`, { scope })
}
