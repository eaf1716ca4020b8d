import fs from 'node:fs'
import { z } from 'zod'
import { PROFILE_FORMAT, type TableProfile } from '../../lib/drift/profile/table-profile.ts'

const Count = z.number().min(0)
const Values = z.array(z.union([z.number(), z.string(), z.null()]))
const Numbers = z.array(z.number())
const Frame = z.object({
  name: z.string(),
  edges: Numbers,
  expected: Numbers,
  missing: z.number(),
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  variance: z.number(),
})
const Quantiles = z.object({ size: z.int().min(8), rows: Count, levels: z.array(Numbers), coin: z.number() })
const NumericColumn = z
  .object({
    name: z.string(),
    kind: z.literal('numeric'),
    missing: Count,
    frame: Frame,
    counts: z.array(Count),
    outside: z.object({ below: Count, above: Count }),
    min: z.number().nullable(),
    max: z.number().nullable(),
    mean: z.number().nullable(),
    variance: z.number().nullable(),
    wholeNumbers: z.boolean(),
    unreadable: Count,
    quantiles: Quantiles.nullable(),
  })
  .refine(({ counts, frame }) => counts.length === frame.edges.length + 1, { error: 'counts and edges do not match' })
  .refine(({ frame: { edges } }) => edges.every((edge, i) => i === 0 || edge > edges[i - 1]!), { error: 'edges do not ascend' })
const CategoryColumn = z.object({
  name: z.string(),
  kind: z.literal('category'),
  missing: Count,
  values: z.array(z.tuple([z.string(), Count])),
  other: Count,
})
const PlainColumn = z.object({ name: z.string(), kind: z.enum(['text', 'identifier', 'empty']), missing: Count })

/** A profile as it lies in a file. */
const ProfileFile = z
  .object({
    format: z.literal(PROFILE_FORMAT),
    rows: Count,
    columns: z.array(z.discriminatedUnion('kind', [NumericColumn, CategoryColumn, PlainColumn])).min(1),
    sample: z.object({ capacity: Count, rows: Count, priorities: Numbers, columns: z.array(Values) }),
  })
  .refine(
    ({ columns, sample }) =>
      sample.columns.length === columns.length && sample.columns.every((column) => column.length === sample.priorities.length),
    { error: 'the sample does not fit the columns' },
  )

/** Whether a JSON value says of itself that it is a profile. */
export function isProfile(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'format' in value && String(value.format).startsWith('setpoint.profile/')
}

/** The profile in a JSON value. Throws RangeError, saying where it is wrong, for anything else. */
export function profileFromJson(value: unknown): TableProfile {
  const parsed = ProfileFile.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new RangeError(`it is no ${PROFILE_FORMAT}: ${issue!.path.join('.') || 'the whole'}: ${issue!.message}`)
}

export function writeProfile(file: string, profile: TableProfile): void {
  fs.writeFileSync(file, `${JSON.stringify(profile)}\n`)
}
