import type { Span, TraceInfo, TraceState } from '../../contract/traces.ts'
import { keyValuesFrom } from './any-value.ts'
import { assessmentMessage } from './assessment-messages.ts'

const METADATA_LIMIT_CHARACTERS = 250
const TAG_KEY_LIMIT_CHARACTERS = 250
const TAG_VALUE_LIMIT_CHARACTERS = 4_096

/** `TraceInfoV3` in protocol-buffer JSON. */
export function traceInfoMessage(info: TraceInfo): object {
  return {
    trace_id: info.id,
    ...(info.clientRequestId === null ? {} : { client_request_id: info.clientRequestId }),
    trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: info.experiment } },
    ...(info.requestPreview === null ? {} : { request_preview: info.requestPreview }),
    ...(info.responsePreview === null ? {} : { response_preview: info.responsePreview }),
    request_time: new Date(info.requestedAt).toISOString(),
    ...(info.durationMs === null ? {} : { execution_duration: durationText(info.durationMs) }),
    state: info.state,
    trace_metadata: cut(info.metadata, METADATA_LIMIT_CHARACTERS, METADATA_LIMIT_CHARACTERS),
    tags: cut(info.tags, TAG_KEY_LIMIT_CHARACTERS, TAG_VALUE_LIMIT_CHARACTERS),
    assessments: info.assessments.map(assessmentMessage),
  }
}

/** `TraceInfo` of version 2.0 of the protocol. */
export function oldTraceInfoMessage(info: TraceInfo): object {
  return {
    request_id: info.id,
    experiment_id: info.experiment,
    timestamp_ms: info.requestedAt,
    execution_time_ms: info.durationMs ?? 0,
    status: oldStatusFrom(info.state),
    request_metadata: pairs(cut(info.metadata, METADATA_LIMIT_CHARACTERS, METADATA_LIMIT_CHARACTERS)),
    tags: pairs(cut(info.tags, TAG_KEY_LIMIT_CHARACTERS, TAG_VALUE_LIMIT_CHARACTERS)),
  }
}

const oldStatusFrom = (state: TraceState) => (state === 'STATE_UNSPECIFIED' ? 'TRACE_STATUS_UNSPECIFIED' : state)

export function stateFromOldStatus(status: 'TRACE_STATUS_UNSPECIFIED' | 'OK' | 'ERROR' | 'IN_PROGRESS'): TraceState {
  return status === 'TRACE_STATUS_UNSPECIFIED' ? 'STATE_UNSPECIFIED' : status
}

function pairs(texts: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(texts).map(([key, value]) => ({ key, value }))
}

function cut(texts: Readonly<Record<string, string>>, keyLimit: number, valueLimit: number): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, value]) => [key.slice(0, keyLimit), value.slice(0, valueLimit)]))
}

/** Milliseconds as a `Duration`: `1.500s`. */
function durationText(ms: number): string {
  const size = Math.abs(ms)
  const rest = size % 1_000
  return `${ms < 0 ? '-' : ''}${Math.floor(size / 1_000)}${rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`}s`
}

/** A span of OpenTelemetry in protocol-buffer JSON, where ids are base64. */
export function spanMessage(span: Span): object {
  return {
    trace_id: base64(span.otelTrace),
    span_id: base64(span.id),
    ...(span.parent === null ? {} : { parent_span_id: base64(span.parent) }),
    name: span.name,
    start_time_unix_nano: span.startNs,
    ...(span.endNs === null ? {} : { end_time_unix_nano: span.endNs }),
    attributes: keyValuesFrom(span.attributes),
    events: span.events.map((event) => ({
      time_unix_nano: event.timeNs,
      name: event.name,
      attributes: keyValuesFrom(event.attributes),
    })),
    links: span.links.map((link) => ({
      trace_id: base64(link.trace.replace(/^tr-/, '')),
      span_id: base64(link.span),
      attributes: keyValuesFrom(link.attributes),
    })),
    status: { code: `STATUS_CODE_${span.status.code}`, message: span.status.message },
  }
}

/** A span as it lies in the file `traces.json`: attributes are JSON texts, those of events and links plain values. */
export function spanInFile(span: Span): object {
  return {
    trace_id: base64(span.otelTrace),
    span_id: base64(span.id),
    parent_span_id: span.parent === null ? null : base64(span.parent),
    name: span.name,
    start_time_unix_nano: exactly(span.startNs),
    end_time_unix_nano: span.endNs === null ? null : exactly(span.endNs),
    events: span.events.map((event) => ({ name: event.name, time_unix_nano: exactly(event.timeNs), attributes: plain(event.attributes) })),
    status: { code: `STATUS_CODE_${span.status.code}`, message: span.status.message },
    attributes: span.attributes,
    links: span.links.map((link) => ({ trace_id: link.trace, span_id: link.span, attributes: plain(link.attributes) })),
  }
}

/** Digits as a number of JSON, with all of them: a number of the language holds only 53 bits. */
const exactly = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON

const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')

function plain(attributes: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).map(([key, text]) => [key, JSON.parse(text)]))
}
