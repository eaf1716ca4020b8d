import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Fraction, Instant, Limit, Name } from './scalars.ts'

const Interval = z.object({ low: z.number(), high: z.number() })

/** The quality of one stretch of traffic: estimated before its labels came, and realised once they had. */
export const Estimate = z.object({
  monitor: Name,
  deployment: Name,
  modelVersion: z.int().positive().nullable().describe('null: nothing serves'),
  fromMs: Instant,
  toMs: Instant,
  rows: z.int().describe('rows that were looked at: of many, a sample'),
  method: z.enum(['cbpe', 'pape', 'dle']).nullable().describe('dle: of a regression; null: it abstained'),
  abstained: z.string().nullable().describe('why there is no estimate'),
  notes: z.array(z.string()),
  metrics: z
    .record(z.string(), z.object({ value: z.number(), interval: Interval, baseline: z.number().nullable() }))
    .describe('of a regression mae and rmse, in the unit of its labels, mse and mape'),
  dropped: z
    .boolean()
    .describe(
      'the error is above that of the reference by more than the tolerance, with the whole of its interval; of a regression the mean absolute error, by more than that share of it',
    ),
  realised: z
    .object({ rows: z.int(), metrics: z.record(z.string(), z.number()), covered: z.boolean().nullable() })
    .nullable()
    .describe('on the rows that have a label; covered: whether the estimate’s interval for them held their error'),
  suspicion: z.string().nullable().describe('labels contradict the estimates: the truth itself may have changed'),
})
export type Estimate = z.infer<typeof Estimate>

const Calibration = z.object({
  rows: z.int(),
  expectedCalibrationError: Fraction,
  spiegelhalterP: z.number().nullable(),
  table: z.array(z.object({ from: z.number(), to: z.number(), rows: z.int(), meanScore: z.number(), observed: z.number() })),
})

const LossCheck = z.object({
  rows: z.int(),
  table: z
    .array(z.object({ from: z.number(), to: z.number(), rows: z.int(), expected: z.number(), realised: z.number() }))
    .describe('tenths of the rows along the prediction: the mean absolute error that was expected, and that came true'),
})

const Intervals = z
  .object({ windows: z.int(), held: z.int(), verdict: z.enum(['holding', 'not_to_be_trusted', 'too_few']), text: z.string() })
  .describe('of the windows whose labels came')

const checked = {
  monitor: Name,
  modelVersion: z.int().positive(),
  faults: z.array(z.string()).describe('why no estimate can rest on this reference'),
  intervals: Intervals,
}

const CalibrationOfScores = z.object({
  kind: z.literal('classification'),
  ...checked,
  calibrator: z.enum(['identity', 'platt', 'temperature', 'isotonic']).describe('what makes the scores probabilities'),
  reference: Calibration,
  current: Calibration.nullable(),
})

const CalibrationOfLosses = z.object({
  kind: z.literal('regression'),
  ...checked,
  explained: z.number().describe('share of the variance of the absolute error that inputs explain on held-out rows; 0 or less: nothing'),
  reference: LossCheck.describe('on held-out rows'),
  current: LossCheck.nullable(),
})

export const estimates = {
  listEstimates: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/estimates',
    summary: 'List the estimated quality of past windows, newest first, beside what labels said once they came',
    scope: 'read',
    input: z.strictObject({ monitor: Name, limit: Limit }),
    output: z.array(Estimate),
    examples: ['setpoint estimates list-estimates phishing'],
  }),
  estimateWindow: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/estimate',
    summary: 'Estimate the quality of one stretch of traffic now, or say why that cannot be done',
    scope: 'read',
    input: z.strictObject({
      monitor: Name,
      fromMs: z.coerce.number().int().nonnegative().optional().describe('one window back when absent'),
      toMs: z.coerce.number().int().nonnegative().optional().describe('now when absent'),
    }),
    output: Estimate,
    examples: ['setpoint estimates estimate-window phishing'],
  }),
  calibration: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/calibration',
    summary: 'Check what estimates rest on (are scores probabilities; is the error as expected), on the reference and on labels since',
    scope: 'read',
    input: z.strictObject({ monitor: Name }),
    output: z.discriminatedUnion('kind', [CalibrationOfScores, CalibrationOfLosses]),
    examples: ['setpoint estimates calibration phishing'],
  }),
}
