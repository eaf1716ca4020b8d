import type { Plan, PlannedField } from './plan.ts'

/** Finds the value of a field in the object it is asked of. */
export type Resolve<S> = (field: PlannedField, source: S) => unknown

/**
 * Answers a plan, field after field. A field that cannot be had is null, and `told` says why: it answers the message for
 * what was thrown, or throws it again.
 */
export async function answerPlan<S>(
  plan: Plan,
  source: S,
  { resolve, told }: { readonly resolve: Resolve<S>; readonly told: (thrown: unknown) => string },
): Promise<{ data: Record<string, unknown>; errors: string[] }> {
  const errors: string[] = []
  return { data: await objectFrom(plan, source), errors }

  async function objectFrom(parts: Plan, from: S): Promise<Record<string, unknown>> {
    const entries: [string, unknown][] = []
    for (const [name, field] of parts) entries.push([name, await valueFrom(field, from)])
    return Object.fromEntries(entries)
  }

  async function valueFrom(field: PlannedField, from: S): Promise<unknown> {
    try {
      const value = await resolve(field, from)
      const { parts } = field
      if (!parts || value === null || value === undefined) return value ?? null
      if (!Array.isArray(value)) return await objectFrom(parts, value as S)
      const items: unknown[] = []
      for (const item of value) items.push(await objectFrom(parts, item as S))
      return items
    } catch (thrown) {
      errors.push(told(thrown))
      return null
    }
  }
}
