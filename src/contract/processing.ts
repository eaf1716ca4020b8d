import { z } from 'zod'
import { Fraction } from './scalars.ts'

const FeatureName = z.string().min(1).max(128)
const FeatureSteps = z
  .strictObject({
    impute: z.number().optional().describe('stands in for a missing value'),
    clip: z
      .tuple([z.number(), z.number()])
      .refine(([low, high]) => low <= high, 'the low end comes first')
      .optional(),
    log1p: z.boolean().optional(),
    scale: z
      .union([
        z.strictObject({ mean: z.number(), std: z.number().positive() }),
        z.strictObject({ min: z.number(), max: z.number() }).refine(({ min, max }) => min < max, 'min must be below max'),
      ])
      .optional(),
  })
  .describe('done in this order: impute, clip, log1p, scale')

const Calibration = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('platt'), a: z.number(), b: z.number() }).describe('1 / (1 + exp(a·score + b))'),
  z.strictObject({
    method: z.literal('isotonic'),
    points: z
      .array(z.tuple([z.number(), Fraction]))
      .min(1)
      .max(10_000)
      .refine(
        (points) => points.every(([score, probability], i) => i === 0 || (score > points[i - 1]![0] && probability >= points[i - 1]![1])),
        'scores must rise, and probabilities must not fall',
      ),
  }),
])

const Operator = z.enum(['<', '<=', '>', '>=', '==', '!='])
const OfFeature = z.union([
  z.strictObject({ feature: FeatureName, op: Operator, value: z.number() }),
  z.strictObject({ feature: FeatureName, op: z.literal('missing') }),
])
const OfScore = z.strictObject({ score: z.literal(true), op: Operator, value: z.number() })
const ruleReason = z.string().trim().min(3).max(300).describe('told with the prediction')
const Rule = z.union([
  z.strictObject({ when: OfFeature, set: z.strictObject({ score: Fraction }), reason: ruleReason }),
  z.strictObject({
    when: z.union([OfFeature, OfScore]),
    set: z.strictObject({ prediction: z.union([z.literal(0), z.literal(1)]) }),
    reason: ruleReason,
  }),
])

/** What travels with a version and is done around the model wherever it is scored. Recorded features stay as they came. */
export const Processing = z.strictObject({
  before: z.record(FeatureName, FeatureSteps).optional().describe('by feature'),
  after: z
    .strictObject({
      calibration: Calibration.optional(),
      threshold: Fraction.optional().describe('in place of the deployment’s'),
      bands: z
        .array(z.strictObject({ name: z.string().trim().min(1).max(64), atLeast: Fraction }))
        .max(20)
        .optional()
        .describe('confidence bands: the highest that the score reaches'),
      rules: z
        .array(Rule)
        .max(100)
        .optional()
        .describe('rules that set the score, by features, come first, then those that set the prediction; of each the first that holds'),
    })
    .optional(),
})
export type Processing = z.infer<typeof Processing>
