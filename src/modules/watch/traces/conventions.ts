import type { Span } from '../../../contract/traces.ts'
import { parsed, spacedJson, textFrom } from './attribute-values.ts'
import { attributeKeys } from './keys.ts'

/**
 * How one family of instrumentations names what a span says. Keys are tried in their order; a pattern matches any key.
 * Sources: OpenTelemetry’s semantic conventions for generative AI, OpenInference, OpenLLMetry (Traceloop), and the
 * telemetry pages of the others.
 */
type Convention = {
  readonly kind?: readonly string[]
  readonly types?: Readonly<Record<string, string>>
  readonly tokens?: { readonly [K in 'input' | 'output' | 'total' | 'read' | 'write']?: readonly string[] }
  readonly inputs?: readonly (string | RegExp)[]
  readonly outputs?: readonly (string | RegExp)[]
  readonly model?: readonly string[]
  readonly provider?: string
  readonly tools?: readonly string[]
  /** The shape of the messages, for a viewer, where one of the keys is there. */
  readonly format?: { readonly keys: readonly string[]; readonly name: string }
}

const openInference: Convention = {
  kind: ['openinference.span.kind'],
  types: same(['TOOL', 'CHAIN', 'LLM', 'RETRIEVER', 'EMBEDDING', 'AGENT', 'RERANKER', 'UNKNOWN', 'GUARDRAIL', 'EVALUATOR']),
  tokens: {
    input: ['llm.token_count.prompt'],
    output: ['llm.token_count.completion'],
    total: ['llm.token_count.total'],
    read: ['llm.token_count.prompt_details.cache_read'],
    write: ['llm.token_count.prompt_details.cache_write'],
  },
  inputs: ['input.value'],
  outputs: ['output.value'],
  model: ['llm.response.model_name', 'llm.model_name', 'llm.request.model_name', 'embedding.model_name'],
  provider: 'llm.provider',
}

const genAi: Convention = {
  kind: ['gen_ai.operation.name'],
  types: {
    chat: 'CHAT_MODEL',
    create_agent: 'AGENT',
    embeddings: 'EMBEDDING',
    execute_tool: 'TOOL',
    generate_content: 'LLM',
    invoke_agent: 'AGENT',
    text_completion: 'LLM',
    response: 'LLM',
    llm_call: 'LLM',
    tool_call: 'TOOL',
    agent_call: 'AGENT',
  },
  tokens: {
    input: ['gen_ai.usage.input_tokens'],
    output: ['gen_ai.usage.output_tokens'],
    read: ['gen_ai.usage.cache_read.input_tokens'],
    write: ['gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens'],
  },
  inputs: ['gen_ai.input.messages', 'gen_ai.tool.call.arguments'],
  outputs: ['gen_ai.output.messages', 'gen_ai.tool.call.result'],
  model: ['gen_ai.response.model', 'gen_ai.request.model'],
  provider: 'gen_ai.provider.name',
  tools: ['gen_ai.tool.definitions'],
}

const traceloop: Convention = {
  kind: ['traceloop.span.kind'],
  types: { workflow: 'WORKFLOW', task: 'TASK', agent: 'AGENT', tool: 'TOOL', unknown: 'UNKNOWN' },
  tokens: { input: ['gen_ai.usage.prompt_tokens'], output: ['gen_ai.usage.completion_tokens'], total: ['llm.usage.total_tokens'] },
  inputs: ['traceloop.entity.input', /^gen_ai\.prompt\.\d+\.content/, /^gen_ai\.completion\.\d+\.tool_calls\.\d+\.arguments/],
  outputs: ['traceloop.entity.output', /^gen_ai\.completion\.\d+\.content/],
  provider: 'gen_ai.system',
}

const vercel: Convention = {
  kind: ['ai.operationId'],
  types: {
    'ai.generateText': 'LLM',
    'ai.generateText.doGenerate': 'LLM',
    'ai.toolCall': 'TOOL',
    'ai.streamText': 'LLM',
    'ai.streamText.doStream': 'LLM',
    'ai.generateObject': 'LLM',
    'ai.generateObject.doGenerate': 'LLM',
    'ai.streamObject': 'LLM',
    'ai.streamObject.doStream': 'LLM',
    'ai.embed': 'EMBEDDING',
    'ai.embed.doEmbed': 'EMBEDDING',
    'ai.embedMany': 'EMBEDDING',
  },
  inputs: ['ai.prompt', 'ai.toolCall.args', 'ai.value', 'ai.values'],
  outputs: ['ai.response.text', 'ai.toolCall.result', 'ai.response.object', 'ai.embedding', 'ai.embeddings'],
}

const voltAgent: Convention = {
  kind: ['span.type', 'entity.type'],
  types: { agent: 'AGENT', llm: 'LLM', tool: 'TOOL', memory: 'MEMORY' },
  tokens: {
    input: ['usage.prompt_tokens', 'llm.usage.prompt_tokens'],
    output: ['usage.completion_tokens', 'llm.usage.completion_tokens'],
    total: ['usage.total_tokens', 'llm.usage.total_tokens'],
  },
  inputs: ['agent.messages', 'llm.messages', 'input'],
  outputs: ['output'],
  format: { keys: ['voltagent.operation_id', 'voltagent.conversation_id'], name: 'voltagent' },
}

const laminar: Convention = {
  kind: ['lmnr.span.type'],
  types: {
    LLM: 'LLM',
    TOOL: 'TOOL',
    DEFAULT: 'CHAIN',
    PIPELINE: 'CHAIN',
    EXECUTOR: 'AGENT',
    EVALUATOR: 'EVALUATOR',
    HUMAN_EVALUATOR: 'EVALUATOR',
    EVALUATION: 'EVALUATOR',
    CACHED: 'LLM',
  },
  inputs: ['lmnr.span.input'],
  outputs: ['lmnr.span.output'],
  provider: 'gen_ai.system',
  format: { keys: ['lmnr.span.type'], name: 'openai' },
}

const langfuse: Convention = {
  kind: ['langfuse.observation.type'],
  types: {
    generation: 'LLM',
    embedding: 'EMBEDDING',
    tool: 'TOOL',
    retriever: 'RETRIEVER',
    agent: 'AGENT',
    chain: 'CHAIN',
    evaluator: 'EVALUATOR',
    guardrail: 'GUARDRAIL',
    span: 'UNKNOWN',
  },
  inputs: ['langfuse.observation.input'],
  outputs: ['langfuse.observation.output'],
}

const liveKit: Convention = {
  inputs: ['lk.user_input', 'lk.user_transcript', 'lk.chat_ctx', 'lk.input_text'],
  outputs: ['lk.response.text', 'lk.response.function_calls'],
  format: { keys: ['lk.agent_name', 'lk.room_name', 'lk.job_id', 'lk.participant_identity'], name: 'livekit' },
}

const googleAdk: Convention = {
  inputs: ['gcp.vertex.agent.llm_request', 'gcp.vertex.agent.tool_call_args'],
  outputs: ['gcp.vertex.agent.llm_response', 'gcp.vertex.agent.tool_response'],
}

const conventions: readonly Convention[] = [openInference, genAi, traceloop, googleAdk, vercel, voltAgent, liveKit, laminar, langfuse]

type Attributes = Readonly<Record<string, string>>

/**
 * The span’s attributes with what other conventions say of it under the names that clients of the protocol read: type,
 * inputs, outputs, tokens, model, provider. Texts that were encoded twice are taken out of their second wrapping.
 */
export function translated({ attributes: given, events }: Pick<Span, 'attributes' | 'events'>): Record<string, string> {
  const attributes = unwrapped(given)
  const add = (key: string, value: string | undefined) => {
    if (value !== undefined && !(key in attributes)) attributes[key] = value
  }
  const type = first((one) => typeFrom(one, attributes))
  const current = textFrom(attributes[attributeKeys.type])
  if (type !== undefined && (current === undefined || current === 'UNKNOWN')) attributes[attributeKeys.type] = JSON.stringify(type)
  add(attributeKeys.inputs, first((one) => valueAt(attributes, one.inputs)) ?? fromEvents(events, 'input'))
  add(attributeKeys.outputs, first((one) => valueAt(attributes, one.outputs)) ?? fromEvents(events, 'output'))
  const usage = first((one) => usageFrom(one, attributes))
  add(attributeKeys.usage, usage && spacedJson(usage))
  const format = first((one) => (one.format?.keys.some((key) => key in attributes) ? one.format.name : undefined))
  add(attributeKeys.messageFormat, format && JSON.stringify(format))
  add(
    attributeKeys.tools,
    first((one) => valueAt(attributes, one.tools)),
  )
  add(attributeKeys.model, first((one) => quoted(valueAt(attributes, one.model))) ?? modelInside(attributes))
  add(
    attributeKeys.provider,
    first((one) => quoted(valueAt(attributes, one.provider ? [one.provider] : undefined))),
  )
  return attributes
}

function first<T>(of: (convention: Convention) => T | undefined): T | undefined {
  for (const convention of conventions) {
    const found = of(convention)
    if (found !== undefined) return found
  }
  return undefined
}

function same(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, name]))
}

function unwrapped(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, text]) => {
      const inner = text.startsWith('"') ? parsed(text) : undefined
      const value = typeof inner === 'string' && /^["{[]/.test(inner) ? parsed(inner) : undefined
      return [key, value === undefined ? text : (inner as string)]
    }),
  )
}

function typeFrom({ kind = [], types = {} }: Convention, attributes: Attributes): string | undefined {
  for (const key of kind) {
    const found = types[textFrom(attributes[key]) ?? '']
    if (found !== undefined) return found
  }
  return undefined
}

/** The first attribute of these names that says anything. */
function valueAt(attributes: Attributes, keys: readonly (string | RegExp)[] | undefined): string | undefined {
  for (const key of keys ?? []) {
    const names = typeof key === 'string' ? [key] : Object.keys(attributes).filter((name) => key.test(name))
    const found = names.map((name) => attributes[name]).find((text) => text !== undefined && !saysNothing(text))
    if (found !== undefined) return found
  }
  return undefined
}

const saysNothing = (text: string) => ['', '""', 'null', '{}', '[]', '0', 'false'].includes(text)
const quoted = (text: string | undefined) => (text === undefined ? undefined : JSON.stringify(textFrom(text) ?? text))

function usageFrom({ tokens }: Convention, attributes: Attributes): Record<string, number> | undefined {
  if (!tokens) return undefined
  const [input, output, read, write] = [tokens.input, tokens.output, tokens.read, tokens.write].map((keys) => count(attributes, keys))
  const total = count(attributes, tokens.total) ?? (input !== undefined && output !== undefined ? input + output : undefined)
  if (input === undefined && output === undefined && total === undefined) return undefined
  const usage = {
    input_tokens: input,
    output_tokens: output,
    total_tokens: total,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write,
  }
  return Object.fromEntries(Object.entries(usage).filter((entry): entry is [string, number] => entry[1] !== undefined))
}

function count(attributes: Attributes, keys: readonly string[] | undefined): number | undefined {
  for (const key of keys ?? []) {
    const text = attributes[key]
    const number = text === undefined ? Number.NaN : Number(textFrom(text) ?? text)
    if (Number.isInteger(number)) return number
  }
  return undefined
}

/** Some clients name the model only in the request or the reply itself. */
function modelInside(attributes: Attributes): string | undefined {
  for (const key of [attributeKeys.inputs, attributeKeys.outputs]) {
    const value = parsed(attributes[key])
    const model = typeof value === 'object' && value !== null ? (value as { model?: unknown }).model : undefined
    if (typeof model === 'string' && model !== '') return JSON.stringify(model)
  }
  return undefined
}

const roles: Readonly<Record<string, string>> = {
  'gen_ai.system.message': 'system',
  'gen_ai.user.message': 'user',
  'gen_ai.assistant.message': 'assistant',
}

/** Conversations that are told in events: one text (Spring AI), or a message an event (OpenTelemetry before 1.37). */
function fromEvents(events: Span['events'], side: 'input' | 'output'): string | undefined {
  const [told, key] = side === 'input' ? ['gen_ai.content.prompt', 'gen_ai.prompt'] : ['gen_ai.content.completion', 'gen_ai.completion']
  const whole = events.find((event) => event.name === told)?.attributes[key!]
  if (whole !== undefined && !saysNothing(whole)) return whole
  const messages = events.flatMap(({ name, attributes: { content, role } }) => {
    const speaker = side === 'input' ? roles[name] : name === 'gen_ai.choice' ? (textFrom(role) ?? 'assistant') : undefined
    return speaker === undefined || content === undefined ? [] : [{ role: speaker, content: parsed(content) ?? content }]
  })
  return messages.length > 0 ? spacedJson(messages) : undefined
}
