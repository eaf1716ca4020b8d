import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit, Reason } from './scalars.ts'

export const TraceState = z.enum(['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'])
export type TraceState = z.infer<typeof TraceState>

const Texts = z.record(z.string(), z.string())

/** What a person, a judge or a program says of a trace, or of one span of it. */
export const Assessment = z.object({
  id: z.string(),
  trace: z.string(),
  name: z.string(),
  kind: z.enum(['feedback', 'expectation', 'issue']),
  value: z.json(),
  error: z.object({ code: z.string(), message: z.string().nullable(), stack: z.string().nullable() }).nullable(),
  source: z.object({ type: z.string(), id: z.string().nullable() }),
  span: z.string().nullable(),
  rationale: z.string().nullable(),
  metadata: Texts.nullable(),
  overrides: z.string().nullable().describe('the assessment that this one stands in for'),
  valid: z.boolean().describe('false once another assessment stands in for it'),
  createdAt: Instant,
  updatedAt: Instant,
})
export type Assessment = z.infer<typeof Assessment>

/** A trace without its spans. */
export const TraceInfo = z.object({
  id: z.string(),
  experiment: z.string(),
  requestedAt: Instant,
  durationMs: z.number().nullable(),
  state: TraceState,
  clientRequestId: z.string().nullable(),
  requestPreview: z.string().nullable(),
  responsePreview: z.string().nullable(),
  tags: Texts,
  metadata: Texts,
  assessments: z.array(Assessment),
})
export type TraceInfo = z.infer<typeof TraceInfo>

/** Values of attributes are JSON texts, exactly as they were sent: 1 and 1.0 stay apart, and no digit is lost. */
const Attributes = Texts

export const Span = z.object({
  trace: z.string(),
  id: z.string().describe('16 hex digits'),
  otelTrace: z.string().describe('32 hex digits: the id of the trace among OpenTelemetry’s'),
  parent: z.string().nullable(),
  name: z.string(),
  startNs: z.string().describe('nanoseconds since the epoch, in decimal digits'),
  endNs: z.string().nullable(),
  status: z.object({ code: z.enum(['UNSET', 'OK', 'ERROR']), message: z.string() }),
  attributes: Attributes,
  events: z.array(z.object({ name: z.string(), timeNs: z.string(), attributes: Attributes })),
  links: z.array(z.object({ trace: z.string(), span: z.string(), attributes: Attributes })),
})
export type Span = z.infer<typeof Span>

export const Trace = z.object({ info: TraceInfo, spans: z.array(Span) })
export type Trace = z.infer<typeof Trace>

/** A problem that was found in traces. */
export const Issue = z.object({
  id: z.string(),
  experiment: z.string(),
  name: z.string(),
  description: z.string(),
  status: z.enum(['pending', 'rejected', 'resolved']),
  severity: z.enum(['not_an_issue', 'low', 'medium', 'high']).nullable(),
  rootCauses: z.array(z.string()),
  categories: z.array(z.string()),
  sourceRun: z.string().nullable().describe('the run that found it'),
  createdAt: Instant,
  updatedAt: Instant,
  createdBy: z.string().nullable(),
})
export type Issue = z.infer<typeof Issue>

const oneTrace = z.strictObject({ trace: Id })
const filterText = z.string().max(20_000)

export const traces = {
  searchTraces: endpoint({
    method: 'GET',
    path: '/api/v1/traces',
    summary: 'Search traces by a filter such as status = "ERROR" AND span.type = "LLM", newest first',
    scope: 'read',
    input: z.strictObject({
      experiment: Id,
      filter: filterText.optional().describe('the filter grammar of MLflow’s trace search'),
      orderBy: z.string().max(500).optional().describe('such as "execution_time DESC"'),
      limit: Limit,
    }),
    output: z.array(TraceInfo),
    examples: [`setpoint traces search-traces --experiment 1 --filter "status = 'ERROR'"`],
  }),
  getTrace: endpoint({
    method: 'GET',
    path: '/api/v1/traces/:trace',
    summary: 'Read one trace with its spans and assessments',
    scope: 'read',
    input: oneTrace,
    output: Trace,
    examples: ['setpoint traces get-trace tr-5f0c…'],
  }),
  deleteTrace: endpoint({
    method: 'DELETE',
    path: '/api/v1/traces/:trace',
    summary: 'Delete a trace with its spans, tags, links and assessments',
    scope: 'write',
    input: oneTrace,
    output: z.object({ deleted: z.int() }),
  }),
  listIssues: endpoint({
    method: 'GET',
    path: '/api/v1/issues',
    summary: 'List the problems found in traces, the most severe first, with how many traces have each',
    scope: 'read',
    input: z.strictObject({ experiment: Id.optional(), status: Issue.shape.status.optional(), limit: Limit }),
    output: z.array(Issue.extend({ traces: z.int() })),
    examples: ['setpoint traces list-issues --status pending'],
  }),
  updateIssue: endpoint({
    method: 'PUT',
    path: '/api/v1/issues/:issue',
    summary: 'Resolve or reject an issue, or change its severity',
    scope: 'write',
    input: z.strictObject({
      issue: Id,
      status: Issue.shape.status.optional(),
      severity: Issue.shape.severity.unwrap().optional(),
      reason: Reason,
    }),
    output: Issue,
    examples: ['setpoint traces update-issue iss-01k8 --status resolved --reason "the prompt names the currency now"'],
  }),
}
