import { parsed } from './attribute-values.ts'

/** Longest text of a request or a reply that is shown in lists. */
const PREVIEW_LIMIT_CHARACTERS = 1_000

type Message = { readonly role: unknown; readonly content: unknown }

/**
 * A short text of a request or a reply: the last message of `role` where it is a conversation in one of the usual shapes,
 * its JSON otherwise.
 */
export function previewOf(json: string, role: 'user' | 'assistant'): string {
  const messages = messagesFrom(parsed(json))
  const spoken = messages?.findLast((message) => message.role === role) ?? messages?.at(-1)
  const text = (spoken && textOf(spoken)) || json
  return text.length <= PREVIEW_LIMIT_CHARACTERS ? text : `${text.slice(0, PREVIEW_LIMIT_CHARACTERS - 3)}...`
}

function messagesFrom(value: unknown): Message[] | undefined {
  if (!isObject(value)) return undefined
  const { messages, choices, input, output, request } = value
  for (const list of [messages, messageOfChoice(choices), input, output])
    if (Array.isArray(list) && list.length > 0) return list.filter(isMessage)
  return 'request' in value ? messagesFrom(request) : undefined
}

/** The reply of a chat completion holds its message in the first choice. */
function messageOfChoice(choices: unknown): unknown[] | undefined {
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined
  return isObject(first) && isMessage(first.message) ? [first.message] : undefined
}

function textOf({ content }: Message): string | undefined {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  for (const part of content) {
    if (typeof part === 'string') return part
    if (isObject(part) && (part.type === 'text' || part.type === 'output_text')) return String(part.text)
  }
  return undefined
}

function isMessage(value: unknown): value is Message {
  return isObject(value) && 'role' in value && 'content' in value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
