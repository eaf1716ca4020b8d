import type { Span, TraceState } from '../../../contract/traces.ts'
import { parsed, spacedJson, textFrom } from './attribute-values.ts'
import { translated } from './conventions.ts'
import { attributeKeys, TRACE_TAG_PREFIX } from './keys.ts'
import { previewOf } from './preview.ts'
import type { SpanRow } from './store.ts'
import { numbersFrom } from './usage.ts'

/** A span as it arrives; `resource` says what program sent it. */
export type NewSpan = Span & { readonly resource: Readonly<Record<string, string>> }

/** What the spans of one batch say of one trace. */
export type BatchFacts = {
  readonly trace: string
  readonly spans: readonly Span[]
  readonly startMs: number
  readonly endMs: number | null
  /** Known once the root span has come. */
  readonly state: TraceState | null
  readonly session: string | null
  readonly user: string | null
  readonly requestPreview: string | null
  readonly responsePreview: string | null
  /** Texts of the resource and of the attributes that are tags; the latter win. */
  readonly tags: Readonly<Record<string, string>>
}

const MODEL_LIMIT_CHARACTERS = 500
const TAG_KEY_LIMIT_CHARACTERS = 250
const TAG_VALUE_LIMIT_CHARACTERS = 8_000
const plainKey = /^[/\w.\- :]+$/

/** Reads the batch trace by trace; spans keep their order. */
export function factsFrom(batch: readonly NewSpan[]): BatchFacts[] {
  return [...Map.groupBy(batch, (span) => span.trace)].map(([trace, given]) => {
    const spans = given.map(({ resource: _resource, ...span }): Span => ({ ...span, attributes: translated(span) }))
    const root = spans.findLast((span) => span.parent === null)
    const ends = spans.flatMap((span) => (span.endNs === null ? [] : [msFrom(span.endNs)]))
    const any = (key: string) => spans.map((span) => textFrom(span.attributes[key])).find((text) => text !== undefined && text !== '')
    const preview = (key: string, role: 'user' | 'assistant') => {
      const text = root?.attributes[key]
      return text === undefined ? null : previewOf(text, role)
    }
    return {
      trace,
      spans,
      startMs: Math.min(...spans.map((span) => msFrom(span.startNs))),
      endMs: ends.length > 0 ? Math.max(...ends) : null,
      state: root ? (root.status.code === 'ERROR' ? 'ERROR' : 'OK') : null,
      session: any(attributeKeys.session) ?? any(attributeKeys.conversation) ?? null,
      user: any(attributeKeys.user) ?? null,
      requestPreview: preview(attributeKeys.inputs, 'user'),
      responsePreview: preview(attributeKeys.outputs, 'assistant'),
      tags: { ...tagsFromResource(given), ...tagsFromRoot(root) },
    }
  })
}

/** The row of a span; `content` is the span itself. */
export function rowFrom(project: string, experiment: string, span: Span): SpanRow {
  const cost = numbersFrom(parsed(span.attributes[attributeKeys.cost])) ?? {}
  return {
    project,
    trace: span.trace,
    id: span.id,
    parent: span.parent,
    experiment,
    name: span.name,
    type: textFrom(span.attributes[attributeKeys.type]) ?? null,
    status: span.status.code,
    started_at_us: Number(BigInt(span.startNs) / 1_000n),
    duration_ms: span.endNs === null ? null : Number((BigInt(span.endNs) - BigInt(span.startNs)) / 1_000_000n),
    input_cost: cost.input_cost ?? null,
    output_cost: cost.output_cost ?? null,
    total_cost: cost.total_cost ?? null,
    model: bounded(span.attributes[attributeKeys.model]),
    provider: bounded(span.attributes[attributeKeys.provider]),
    content: JSON.stringify(span),
  }
}

const msFrom = (ns: string) => Number(BigInt(ns) / 1_000_000n)
const bounded = (text: string | undefined) => textFrom(text)?.slice(0, MODEL_LIMIT_CHARACTERS) ?? null

/** What a program says of itself, but for what its SDK says of itself and for names that are ours to give. */
function tagsFromResource(spans: readonly NewSpan[]): Record<string, string> {
  const resource = spans.map((span) => span.resource).find((one) => Object.keys(one).length > 0) ?? {}
  return fitting(
    Object.entries(resource)
      .filter(([key]) => !key.startsWith('telemetry.sdk.') && !key.startsWith('mlflow.'))
      .map(([key, text]) => [key, textFrom(text) ?? text]),
  )
}

function tagsFromRoot(root: Span | undefined): Record<string, string> {
  return fitting(
    Object.entries(root?.attributes ?? {})
      .filter(([key]) => key.startsWith(TRACE_TAG_PREFIX))
      .map(([key, text]) => [key.slice(TRACE_TAG_PREFIX.length), textFrom(text) ?? spacedJson(parsed(text))]),
  )
}

/** Telemetry is not refused for a tag that does not fit: the tag is left out, or cut. */
function fitting(tags: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(
    tags
      .filter(([key]) => plainKey.test(key) && key.length <= TAG_KEY_LIMIT_CHARACTERS)
      .map(([key, value]) => [key, value.slice(0, TAG_VALUE_LIMIT_CHARACTERS)]),
  )
}
