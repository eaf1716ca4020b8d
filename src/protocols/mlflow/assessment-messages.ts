import { AppError } from '../../contract/errors.ts'
import type { Assessment } from '../../contract/traces.ts'
import type { NewAssessment } from '../../modules/watch/traces/index.ts'
import { bool, enumeration, json, map, message, type Read, string, timestamp } from './fields.ts'

const errorFields = { error_code: string(), error_message: string(), stack_trace: string() }

/** The message `Assessment`. */
export const assessmentFields = {
  assessment_id: string(),
  assessment_name: string(),
  trace_id: string(),
  span_id: string(),
  source: message({
    source_type: enumeration(['SOURCE_TYPE_UNSPECIFIED', 'HUMAN', 'LLM_JUDGE', 'CODE', 'AI_JUDGE'], 0)(),
    source_id: string(),
  }),
  create_time: timestamp(),
  last_update_time: timestamp(),
  feedback: message({ value: json(), error: message(errorFields) }),
  expectation: message({ value: json(), serialized_value: message({ serialization_format: string(), value: string() }) }),
  issue: message({ issue_name: string() }),
  rationale: string(),
  error: message(errorFields),
  metadata: map(string()),
  overrides: string(),
  valid: bool(),
}
export type AssessmentMessage = Read<typeof assessmentFields>

const JSON_FORMAT = 'JSON_FORMAT'

/** Throws `invalid` when it is neither feedback nor expectation nor reference to an issue. */
export function newAssessmentFrom(given: AssessmentMessage): NewAssessment {
  return {
    id: given.assessment_id,
    name: given.assessment_name ?? '',
    ...contentFrom(given),
    source: { type: given.source?.source_type ?? 'SOURCE_TYPE_UNSPECIFIED', id: given.source?.source_id ?? null },
    span: given.span_id || null,
    rationale: given.rationale || null,
    metadata: given.metadata && Object.keys(given.metadata).length > 0 ? given.metadata : null,
    overrides: given.overrides || null,
    createdAt: given.create_time,
    updatedAt: given.last_update_time,
  }
}

function contentFrom(given: AssessmentMessage): Pick<Assessment, 'kind' | 'value' | 'error'> {
  if (given.expectation) return { kind: 'expectation', value: expectationValue(given.expectation), error: null }
  if (given.feedback) return { kind: 'feedback', ...feedbackFrom(given.feedback, given.error) }
  if (given.issue) return { kind: 'issue', value: { issue_name: given.issue.issue_name ?? '' }, error: null }
  throw new AppError('invalid', 'Unknown assessment type: None; give one of feedback, expectation and issue')
}

/** The value of a feedback and what went wrong when it was made. */
export function feedbackFrom(
  feedback: NonNullable<AssessmentMessage['feedback']>,
  outer?: AssessmentMessage['error'],
): Pick<Assessment, 'value' | 'error'> {
  const error = feedback.error ?? outer
  return {
    value: (feedback.value ?? null) as Assessment['value'],
    error: error ? { code: error.error_code ?? '', message: error.error_message ?? null, stack: error.stack_trace ?? null } : null,
  }
}

/** The value of an expectation, plain or as a JSON text. Throws `invalid` for another format. */
export function expectationValue(expectation: NonNullable<AssessmentMessage['expectation']>): Assessment['value'] {
  const { value, serialized_value: serialized } = expectation
  if (!serialized) return (value ?? null) as Assessment['value']
  if (serialized.serialization_format !== JSON_FORMAT)
    throw new AppError('invalid', `Unknown serialization format: ${serialized.serialization_format}. Only JSON_FORMAT is supported.`)
  try {
    return JSON.parse(serialized.value ?? 'null') as Assessment['value']
  } catch {
    throw new AppError('invalid', 'the serialized value of the expectation is not JSON')
  }
}

/** `Assessment` in protocol-buffer JSON. */
export function assessmentMessage(assessment: Assessment): object {
  return {
    assessment_id: assessment.id,
    assessment_name: assessment.name,
    trace_id: assessment.trace,
    ...(assessment.span === null ? {} : { span_id: assessment.span }),
    source: {
      source_type: assessment.source.type === 'AI_JUDGE' ? 'LLM_JUDGE' : assessment.source.type,
      source_id: assessment.source.id ?? '',
    },
    create_time: new Date(assessment.createdAt).toISOString(),
    last_update_time: new Date(assessment.updatedAt).toISOString(),
    ...contentMessage(assessment),
    ...(assessment.rationale === null ? {} : { rationale: assessment.rationale }),
    ...(assessment.metadata === null ? {} : { metadata: assessment.metadata }),
    ...(assessment.overrides === null ? {} : { overrides: assessment.overrides }),
    valid: assessment.valid,
  }
}

function contentMessage({ kind, value, error }: Assessment): object {
  if (kind === 'issue') return { issue: value }
  if (kind === 'feedback') return { feedback: { value, ...(error ? { error: errorMessage(error) } : {}) } }
  const isPlain = value !== null && typeof value !== 'object'
  return {
    expectation: isPlain ? { value } : { serialized_value: { serialization_format: JSON_FORMAT, value: JSON.stringify(value) } },
  }
}

function errorMessage(error: NonNullable<Assessment['error']>): object {
  return {
    error_code: error.code,
    ...(error.message === null ? {} : { error_message: error.message }),
    ...(error.stack === null ? {} : { stack_trace: error.stack }),
  }
}
