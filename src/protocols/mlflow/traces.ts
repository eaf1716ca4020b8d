import { AppError } from '../../contract/errors.ts'
import type { NewTrace, Traces } from '../../modules/watch/traces/index.ts'
import { assessmentFields, newAssessmentFrom } from './assessment-messages.ts'
import { assessmentRpcs } from './assessments.ts'
import { bool, duration, enumeration, int64, list, map, message, type Read, string, timestamp } from './fields.ts'
import { issueRpcs } from './issues.ts'
import { type Rpc, rpc } from './rpc.ts'
import { traceAnalysisRpcs } from './trace-analysis.ts'
import { spanMessage, traceInfoMessage } from './trace-messages.ts'
import { traceTagRpcs } from './trace-tags.ts'
import { oldTraceRpcs } from './traces-v2.ts'

export type TraceDeps = {
  readonly traces: Traces
  readonly runs: { run(project: string, id: string): Promise<object | undefined> }
  readonly clock: { now(): number }
}

/** Traces and all that hangs on them, in versions 3.0 and 2.0 of the protocol. */
export function traceRpcs(deps: TraceDeps): Rpc[] {
  return [
    ...readingRpcs(deps),
    startTrace(deps),
    ...traceAnalysisRpcs(deps),
    ...traceTagRpcs(deps),
    ...assessmentRpcs(deps),
    ...issueRpcs(deps),
    ...oldTraceRpcs(deps),
  ]
}

const experimentIdOf = (location: { mlflow_experiment?: { experiment_id?: string } } | undefined) =>
  location?.mlflow_experiment?.experiment_id

const traceInfoFields = {
  trace_id: string(),
  client_request_id: string(),
  trace_location: message({ mlflow_experiment: message({ experiment_id: string() }) }),
  request_preview: string(),
  response_preview: string(),
  request_time: timestamp(),
  execution_duration: duration(),
  state: enumeration(['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'], 0)(),
  trace_metadata: map(string()),
  tags: map(string()),
  assessments: list(message(assessmentFields)),
}

const startTrace = ({ traces, clock }: TraceDeps) =>
  rpc({
    name: 'startTraceV3',
    method: 'POST',
    paths: ['/api/3.0/mlflow/traces'],
    scope: 'write',
    fields: { trace: message({ trace_info: message(traceInfoFields) }, { required: true }) },
    async handle({ trace }, { caller }) {
      const info = await traces.startTrace(newTraceFrom(trace.trace_info ?? {}, clock.now()), caller)
      return { trace: { trace_info: traceInfoMessage(info) } }
    },
  })

function newTraceFrom(info: Read<typeof traceInfoFields>, nowMs: number): NewTrace {
  const experiment = experimentIdOf(info.trace_location)
  if (!info.trace_id) throw new AppError('invalid', "Missing value for required parameter 'trace.trace_info.trace_id'.")
  if (experiment === undefined)
    throw new AppError('invalid', "Missing value for required parameter 'trace.trace_info.trace_location.mlflow_experiment.experiment_id'.")
  return {
    id: info.trace_id,
    experiment,
    requestedAt: info.request_time ?? nowMs,
    durationMs: info.execution_duration === undefined ? null : Math.round(info.execution_duration),
    state: info.state ?? 'STATE_UNSPECIFIED',
    clientRequestId: info.client_request_id ?? null,
    requestPreview: info.request_preview ?? null,
    responsePreview: info.response_preview ?? null,
    tags: info.tags ?? {},
    metadata: info.trace_metadata ?? {},
    assessments: (info.assessments ?? []).map((given) => {
      const assessment = newAssessmentFrom(given)
      return {
        ...assessment,
        id: assessment.id ?? '',
        valid: given.valid ?? true,
        createdAt: assessment.createdAt ?? nowMs,
        updatedAt: assessment.updatedAt ?? nowMs,
      }
    }),
  }
}

const traceIds = { trace_ids: list(string(), { required: true }), experiment_ids: list(string()) }

function readingRpcs({ traces }: TraceDeps): Rpc[] {
  return [
    rpc({
      name: 'getTraceInfoV3',
      method: 'GET',
      paths: ['/api/3.0/mlflow/traces/:trace_id'],
      scope: 'read',
      fields: { trace_id: string({ required: true }) },
      async handle({ trace_id }, { caller }) {
        return { trace: { trace_info: traceInfoMessage(await traces.info(trace_id, caller)) } }
      },
    }),
    rpc({
      name: 'getTrace',
      method: 'GET',
      paths: ['/api/3.0/mlflow/traces/get'],
      scope: 'read',
      fields: { trace_id: string({ required: true }), allow_partial: bool() },
      async handle({ trace_id, allow_partial }, { caller }) {
        const [found] = await traces.read([trace_id], caller)
        if (!found) throw new AppError('not_found', `Trace with ID ${trace_id} is not found.`, { trace: trace_id })
        if (!allow_partial && (found.partial || found.spans.length === 0))
          throw new AppError('not_found', `Trace with ID ${trace_id} is not fully exported yet, please try again later.`)
        return { trace: { trace_info: traceInfoMessage(found.info), spans: found.spans.map(spanMessage) } }
      },
    }),
    rpc({
      name: 'batchGetTraces',
      method: 'GET',
      paths: ['/api/3.0/mlflow/traces/batchGet'],
      scope: 'read',
      fields: traceIds,
      async handle({ trace_ids, experiment_ids }, { caller }) {
        const whole = (await traces.read(trace_ids, caller, experiment_ids)).filter((found) => !found.partial && found.spans.length > 0)
        return { traces: whole.map(({ info, spans }) => ({ trace_info: traceInfoMessage(info), spans: spans.map(spanMessage) })) }
      },
    }),
    rpc({
      name: 'batchGetTraceInfos',
      method: 'POST',
      paths: ['/api/3.0/mlflow/traces/batchGetInfos'],
      scope: 'read',
      fields: traceIds,
      async handle({ trace_ids, experiment_ids }, { caller }) {
        return { trace_infos: (await traces.readInfos(trace_ids, caller, experiment_ids)).map(traceInfoMessage) }
      },
    }),
    deleteTraces(traces),
  ]
}

const deleteTraces = (traces: Traces) =>
  rpc({
    name: 'deleteTraces',
    method: 'POST',
    paths: ['/api/3.0/mlflow/traces/delete-traces', '/api/2.0/mlflow/traces/delete-traces'],
    scope: 'write',
    fields: {
      experiment_id: string({ required: true }),
      max_timestamp_millis: int64(),
      max_traces: int64(),
      request_ids: list(string()),
    },
    async handle({ experiment_id, max_timestamp_millis, max_traces, request_ids = [] }, { caller }) {
      checkDeletion(max_timestamp_millis, max_traces, request_ids)
      const deletion = { experiment: experiment_id, notAfter: max_timestamp_millis, most: max_traces, ids: request_ids }
      return { traces_deleted: await traces.remove(deletion, caller) }
    },
  })

function checkDeletion(notAfter: number | undefined, most: number | undefined, ids: readonly string[]): void {
  if (notAfter === undefined && ids.length === 0)
    throw new AppError('invalid', 'Either `max_timestamp_millis` or `trace_ids` must be specified.')
  if (notAfter !== undefined && ids.length > 0)
    throw new AppError('invalid', 'Only one of `max_timestamp_millis` and `trace_ids` can be specified.')
  if (most !== undefined && ids.length > 0) throw new AppError('invalid', "`max_traces` can't be specified if `trace_ids` is specified.")
  if (most !== undefined && most <= 0) throw new AppError('invalid', `\`max_traces\` must be a positive integer, received ${most}.`)
}
