import { AppError, messageFrom } from '../../../contract/errors.ts'
import { decodeInferResponse, encodeInferRequest } from '../../../lib/tensors/oip-message.ts'
import type { Tensor, TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { ModelFacts } from './remote-model.ts'
import { type RemoteServer, refusal } from './remote-server.ts'

const BINARY_EXTENSION = 'binary_tensor_data'

/**
 * A model behind the Open Inference Protocol, version 2, over HTTP: Triton, MLServer, KServe, another Setpoint. What it takes
 * and gives is read from its metadata; tensors travel as bytes where the server knows the extension. `path` is that of the
 * model, encoded. Throws `unavailable` when the server or the model is not ready.
 */
export async function openOip(server: RemoteServer, path: string): Promise<ModelFacts> {
  const ready = await server.call({ method: 'GET', path: `/v2/models/${path}/ready` })
  if (ready.status !== 200) throw refusal(server.host, ready)
  const metadata = await readJson(server, `/v2/models/${path}`)
  const hello = await server.call({ method: 'GET', path: '/v2' })
  const extensions = hello.status === 200 ? (parsed(server.host, hello.body).extensions as unknown) : []
  const binary = Array.isArray(extensions) && extensions.includes(BINARY_EXTENSION)
  const inputs = specsFrom(server.host, metadata.inputs)
  const outputs = specsFrom(server.host, metadata.outputs)

  return {
    inputs,
    outputs,
    platform: `remote_oip_${typeof metadata.platform === 'string' && metadata.platform !== '' ? metadata.platform : 'unknown'}`,
    async infer(tensors, { outputs: wanted, signal }) {
      const { body, headerLength } = encoded(tensors, wanted, binary)
      const headers: Record<string, string> =
        headerLength === undefined
          ? { 'content-type': 'application/json' }
          : { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(headerLength) }
      const reply = await server.call({ method: 'POST', path: `/v2/models/${path}/infer`, headers, body }, signal)
      if (reply.status !== 200) throw refusal(server.host, reply)
      const given = reply.headers['inference-header-content-length']
      return decoded(server.host, reply.body, given === undefined ? undefined : Number(given))
    },
  }
}

function encoded(tensors: readonly Tensor[], wanted: readonly string[], binary: boolean) {
  try {
    return encodeInferRequest(tensors, wanted, binary)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new AppError('invalid', `the inputs cannot be sent on as JSON: ${error.message}`, {}, error)
  }
}

function decoded(host: string, body: Uint8Array, headerLength: number | undefined): Tensor[] {
  try {
    return decodeInferResponse({ body, headerLength })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new AppError('unavailable', `the model server ${host} gives no answer of the protocol: ${error.message}`, {}, error)
  }
}

async function readJson(server: RemoteServer, path: string): Promise<Record<string, unknown>> {
  const reply = await server.call({ method: 'GET', path })
  if (reply.status !== 200) throw refusal(server.host, reply)
  return parsed(server.host, reply.body)
}

function parsed(host: string, body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (error) {
    throw new AppError('unavailable', `the model server ${host} answers no JSON: ${messageFrom(error)}`, {}, error)
  }
  throw new AppError('unavailable', `the model server ${host} answers no JSON object`)
}

/** Servers that do not know what their model takes say nothing, or an empty list. */
function specsFrom(host: string, given: unknown): TensorSpec[] {
  if (given === undefined || given === null) return []
  const isSpec = (one: unknown): one is TensorSpec => {
    const { name, datatype, shape } = (one ?? {}) as Record<string, unknown>
    return typeof name === 'string' && typeof datatype === 'string' && Array.isArray(shape) && shape.every(Number.isInteger)
  }
  // The protocol’s own definition has whole numbers; some servers write them as texts.
  const read = (one: unknown) => {
    const { name, datatype, shape } = (one ?? {}) as Record<string, unknown>
    return { name, datatype, shape: Array.isArray(shape) ? shape.map(Number) : shape }
  }
  const specs: unknown[] = Array.isArray(given) ? given.map(read) : [undefined]
  if (!specs.every(isSpec)) throw new AppError('unavailable', `the model server ${host} describes its tensors in no known form`)
  return specs
}
