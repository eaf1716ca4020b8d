import { AppError } from '../../contract/errors.ts'
import type { Tensor } from '../../lib/tensors/tensor.ts'

/** What one infer request asks for, whichever way it came. */
export type InferCall = {
  /** Undefined where the caller gave none. */
  readonly id: string | undefined
  readonly ids: readonly string[] | undefined
  readonly actor: string
  readonly source: string
  readonly inputs: readonly Tensor[]
  /** Names of the outputs that are wanted; all when empty. */
  readonly outputs: readonly string[]
  /** Milliseconds the caller will wait. */
  readonly deadlineMs: number | undefined
}

/** The longest id, actor and source. */
const MOST_TEXT = 128
const MICROSECONDS = 1_000

type Parameters = Readonly<Record<string, unknown>>
type FromParameters = Pick<InferCall, 'ids' | 'actor' | 'source' | 'deadlineMs'>

/**
 * What a request’s parameters ask for: `actor`, `source`, `ids` (one a row) and `timeout` (microseconds). Others are passed
 * over, as the protocol asks, but for those that would change the answer. Throws `invalid`.
 */
export function readParameters(parameters: Parameters): FromParameters {
  const { sequence_id: sequence, timeout, actor, source, ids } = parameters
  if (sequence !== undefined && sequence !== 0 && sequence !== '')
    throw new AppError('invalid', 'parameters.sequence_id is not supported: every request is answered by itself')
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0))
    throw new AppError('invalid', 'parameters.timeout must be a number of microseconds')
  return {
    actor: shortText(actor, 'actor'),
    source: shortText(source, 'source'),
    ids: idList(ids),
    deadlineMs: timeout ? Math.max(1, Math.ceil((timeout as number) / MICROSECONDS)) : undefined,
  }
}

function shortText(value: unknown, name: string): string {
  if (value === undefined) return ''
  if (typeof value === 'string' && value.length <= MOST_TEXT) return value
  throw new AppError('invalid', `parameters.${name} must be a text of at most ${MOST_TEXT} characters`)
}

/** A list of texts, or such a list written as JSON where the protocol has no lists. */
function idList(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined
  const list = typeof value === 'string' ? listFrom(value) : value
  if (Array.isArray(list) && list.every((id) => typeof id === 'string' && id.length > 0 && id.length <= MOST_TEXT)) return list
  throw new AppError('invalid', `parameters.ids must be a list of texts of 1 to ${MOST_TEXT} characters, one a row`)
}

function listFrom(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('invalid', 'parameters.ids must be a list of texts, written as JSON', {}, cause)
  }
}

/** The id of a request; an empty one is none. Throws `invalid` for anything but a short text. */
export function readId(id: unknown): string | undefined {
  if (id === undefined || id === '') return undefined
  if (typeof id === 'string' && id.length <= MOST_TEXT) return id
  throw new AppError('invalid', `id: a text of at most ${MOST_TEXT} characters is needed`)
}

/** Refuses what a tensor or a requested output asks for beyond its name and the form of its data. */
export function refuseUnsupported(what: string, parameters: Parameters): void {
  for (const name of ['classification', 'shared_memory_region', 'shared_memory_byte_size', 'shared_memory_offset'])
    if (parameters[name] !== undefined && parameters[name] !== 0)
      throw new AppError('invalid', `${what}: the parameter ${name} is unsupported`)
}

/** What the pure readers of `lib` refuse is the caller’s fault. */
export function asInvalid<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw new AppError('invalid', error.message, {}, error)
    throw error
  }
}
