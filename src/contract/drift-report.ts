import { z } from 'zod'
import { testNames } from '../lib/drift/two-sample/result.ts'
import { Fraction, Instant } from './scalars.ts'

const Verdict = z.enum(['stable', 'drift', 'insufficient_data'])
export const DriftSeverity = z.enum(['none', 'minor', 'moderate', 'severe'])
export type DriftSeverity = z.infer<typeof DriftSeverity>

const TestName = z.enum(testNames)

const TestOutcome = z.union([
  z.object({
    test: TestName,
    statistic: z.number(),
    effect: z.object({ name: z.string(), value: z.number() }).describe('size of the change, which does not grow with the sample'),
    pValue: z.number().nullable().describe('null where the test gives none'),
    referenceRows: z.int(),
    currentRows: z.int(),
    note: z.string().optional(),
  }),
  z.object({ test: TestName, insufficient: z.string().describe('what is wanting') }),
])

const Summary = z.object({
  rows: z.int(),
  missing: Fraction,
  mean: z.number().nullable(),
  deviation: z.number().nullable(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  bars: z.array(z.number()).readonly(),
})

const Column = z.object({
  name: z.string(),
  kind: z.enum(['numeric', 'category', 'text', 'embedding', 'identifier', 'empty']),
  role: z.enum(['feature', 'score', 'prediction', 'label']),
  verdict: Verdict,
  severity: DriftSeverity,
  reason: z.string(),
  adjustedPValue: z.number().nullable().describe('adjusted for the number of columns'),
  effect: z.object({ name: z.string(), value: z.number() }).nullable(),
  tests: z.array(TestOutcome).readonly(),
  findings: z
    .array(
      z.object({
        kind: z.enum([
          'missing_share',
          'new_category',
          'vanished_category',
          'below_range',
          'above_range',
          'type_change',
          'fractions',
          'constant',
          'new_column',
          'vanished_column',
          'new_baseline_required',
        ]),
        feature: z.string(),
        share: z.number(),
        pValue: z.number().nullable(),
        text: z.string(),
      }),
    )
    .readonly(),
  bars: z.array(z.string()).readonly(),
  reference: Summary.nullable(),
  current: Summary.nullable(),
})

/** A window or a table held against its reference, as `setpoint drift check --json` and the API give it. */
export const DriftReport = z.object({
  format: z.literal('setpoint.drift-report/1'),
  createdAt: Instant,
  reference: z.object({ name: z.string(), rows: z.int() }),
  current: z.object({ name: z.string(), rows: z.int() }),
  settings: z.object({
    alpha: z.number(),
    control: z.enum(['holm', 'benjamini_hochberg']),
    tolerance: z.number(),
    moderate: z.number(),
    severe: z.number(),
    leastRows: z.int(),
    numericTest: TestName,
    categoryTest: TestName,
  }),
  verdict: Verdict,
  severity: DriftSeverity,
  reason: z.string(),
  driftedShare: Fraction,
  columns: z.array(Column).readonly(),
  joint: z
    .object({
      verdict: Verdict,
      reason: z.string(),
      tests: z.array(TestOutcome).readonly(),
      columns: z.array(z.object({ name: z.string(), share: z.number() })).readonly(),
    })
    .nullable(),
  segments: z
    .array(
      z.object({
        name: z.string(),
        referenceRows: z.int(),
        currentRows: z.int(),
        verdict: Verdict,
        reason: z.string(),
        columns: z.array(z.object({ name: z.string(), effect: z.number(), probability: z.number() })).readonly(),
      }),
    )
    .readonly(),
})
export type DriftReport = z.infer<typeof DriftReport>
