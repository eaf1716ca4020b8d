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
  method: z.enum(['cbpe', 'pape']).nullable().describe('null: it abstained'),
  abstained: z.string().nullable().describe('why there is no estimate'),
  notes: z.array(z.string()),
  metrics: z.record(z.string(), z.object({ value: z.number(), interval: Interval, baseline: z.number().nullable() })),
  dropped: z.boolean().describe('the error is above that of the reference by more than the tolerance, with the whole of its interval'),
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
    summary: 'Check whether scores are probabilities, on the reference and on labels since, and how often intervals held',
    scope: 'read',
    input: z.strictObject({ monitor: Name }),
    output: z.object({
      monitor: Name,
      modelVersion: z.int().positive(),
      calibrator: z.enum(['identity', 'platt', 'temperature', 'isotonic']).describe('what makes the scores probabilities'),
      faults: z.array(z.string()).describe('why no estimate can rest on this reference'),
      reference: Calibration,
      current: Calibration.nullable(),
      intervals: z
        .object({ windows: z.int(), held: z.int(), verdict: z.enum(['holding', 'not_to_be_trusted', 'too_few']), text: z.string() })
        .describe('of the windows whose labels came'),
    }),
    examples: ['setpoint estimates calibration phishing'],
  }),
}
