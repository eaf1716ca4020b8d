import { z } from 'zod'
import { AppError } from '../../contract/errors.ts'
import type { Live, Problem } from '../../modules/serving/deployments/index.ts'

const MOST_DEADLINE_MS = 600_000
const ShortText = z.string().max(128)

/** Everything a request may hold but the features themselves, whose names and bounds are the deployment’s. */
const PredictRequest = z.strictObject({
  features: z.unknown().optional(),
  instances: z.array(z.unknown()).min(1).optional(),
  id: ShortText.min(1).optional(),
  actor: ShortText.optional(),
  source: ShortText.optional(),
  explain: z.boolean().optional(),
  timeout_ms: z.int().min(1).max(MOST_DEADLINE_MS).optional(),
})
export type PredictRequest = z.infer<typeof PredictRequest>

/** What is asked, and every problem of its form; the features are not looked into here. */
export function readPredictRequest(body: unknown): { readonly request: PredictRequest; readonly problems: readonly Problem[] } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new AppError('invalid', 'the body must be a JSON object')
  const given = body as Readonly<Record<string, unknown>>
  const parsed = PredictRequest.safeParse(given)
  const problems = parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsFrom(issue, given))
  const both = (given.features === undefined) === (given.instances === undefined)
  if (both) problems.push({ field: 'features', rule: 'either features, an object, or instances, a list of them', received: undefined })
  if (given.explain === true && given.instances !== undefined)
    problems.push({ field: 'explain', rule: 'only with features, for one row', received: true })
  return { request: parsed.success ? parsed.data : (given as PredictRequest), problems }
}

function problemsFrom(issue: z.core.$ZodIssue, given: Readonly<Record<string, unknown>>): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((field) => ({ field, rule: 'no field of a prediction request', received: typeof given[field] }))
  const field = String(issue.path[0])
  const value = given[field]
  return [{ field, rule: issue.message, received: typeof value === 'object' ? typeof value : value }]
}

/**
 * The JSON Schema (2020-12) of the requests that a deployment takes. It is made of the deployment’s own features and rules, so
 * that it changes only when they do.
 */
export function requestSchema({ name, spec, champion }: Live): object {
  const properties = Object.fromEntries(champion.features.map((feature) => [feature, featureSchema(spec.features[feature])]))
  const { features: _features, instances: _instances, ...others } = z.toJSONSchema(PredictRequest, { io: 'input' }).properties!
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `prediction request of ${name}`,
    type: 'object',
    additionalProperties: false,
    oneOf: [{ required: ['features'] }, { required: ['instances'] }],
    properties: {
      features: { $ref: '#/$defs/features' },
      instances: { type: 'array', minItems: 1, maxItems: spec.limits.rowsPerRequest, items: { $ref: '#/$defs/features' } },
      ...others,
    },
    $defs: {
      features: {
        type: 'object',
        additionalProperties: false,
        required: champion.features.filter((feature) => spec.features[feature]?.required !== false),
        properties,
      },
    },
  }
}

function featureSchema(rule: Live['spec']['features'][string] | undefined): object {
  const { min, max, missing = true, default: fallback, description } = rule ?? {}
  return {
    type: missing ? ['number', 'null'] : 'number',
    ...(min !== undefined && { minimum: min }),
    ...(max !== undefined && { maximum: max }),
    ...(fallback !== undefined && { default: fallback }),
    ...(description !== undefined && { description }),
  }
}
