import { AppError } from '../../../contract/errors.ts'
import { dataFromJson, jsonFromData } from '../../../lib/tensors/json-data.ts'
import { type Datatype, elementsIn, type Tensor, type TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { ModelFacts } from './remote-model.ts'
import { type RemoteServer, type RemoteSpec, refusal } from './remote-server.ts'

type JsonProtocol = Exclude<RemoteSpec['protocol'], 'oip' | 'oip-grpc'>

const MOST_DIMENSIONS = 8

/** Where each kind of server answers, and how it says that it is well; `route` is encoded, and null when none is named. */
const paths: Readonly<Record<JsonProtocol, { predict(route: string | null, model: string): string; readonly health: string | null }>> = {
  torchserve: { predict: (route, model) => `/predictions/${route ?? model}`, health: '/ping' },
  bentoml: { predict: (route) => `/${route ?? 'predict'}`, health: '/readyz' },
  ray: { predict: (route) => (route === null ? '' : `/${route}`), health: '/-/healthz' },
  http: { predict: (route) => (route === null ? '' : `/${route}`), health: null },
}

type Options = {
  readonly protocol: JsonProtocol
  readonly route: string | null
  readonly model: string
  /** What the model takes and gives; such servers do not say. */
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/**
 * A model that takes `{"instances": […]}` and gives `{"predictions": […]}`, or the bare list. An instance is a row of the one
 * tensor, or an object with a row of each by name. Throws `unavailable` when the server does not say that it is well.
 */
export async function openJson(server: RemoteServer, { protocol, route, model, inputs, outputs }: Options): Promise<ModelFacts> {
  const { predict, health } = paths[protocol]
  const path = predict(route, model)
  if (health !== null) {
    const reply = await server.call({ method: 'GET', path: health })
    if (reply.status !== 200) throw refusal(server.host, reply)
  }
  return {
    inputs,
    outputs,
    platform: `remote_${protocol}`,
    async infer(tensors, { signal }) {
      const body = Buffer.from(`{"instances":${instancesFrom(tensors)}}`)
      const reply = await server.call({ method: 'POST', path, headers: { 'content-type': 'application/json' }, body }, signal)
      if (reply.status !== 200) throw refusal(server.host, reply)
      return [tensorFrom(server.host, reply.body, outputs[0]!)]
    },
  }
}

function instancesFrom(tensors: readonly Tensor[]): string {
  const [only, ...others] = tensors
  const rows = tensors.map(rowsOf)
  if (only && others.length === 0) return `[${rows[0]!.join(',')}]`
  if (rows.some((one) => one.length !== rows[0]!.length))
    throw new AppError('invalid', 'inputs: every tensor must have as many rows as the others; they are sent row by row')
  return `[${rows[0]!.map((_, row) => `{${tensors.map(({ name }, i) => `${JSON.stringify(name)}:${rows[i]![row]}`).join(',')}}`).join(',')}]`
}

/** Each row of a tensor, its first dimension, as JSON. */
function rowsOf({ name, datatype, shape, data }: Tensor): string[] {
  const [count = 1, ...inner] = shape
  const width = elementsIn(inner)
  return Array.from({ length: count }, (_, row) => {
    try {
      return nested(jsonFromData(datatype, data.slice(row * width, (row + 1) * width) as typeof data), inner)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new AppError('invalid', `input ${name}: row ${row}, ${error.message}; this server takes JSON only`, {}, error)
    }
  })
}

/** A flat list of JSON as lists within lists. */
function nested(flat: string, inner: readonly number[]): string {
  if (inner.length === 1) return flat
  let items: unknown[] = JSON.parse(flat)
  for (const length of inner.slice(1).reverse())
    items = Array.from({ length: items.length / length }, (_, i) => items.slice(i * length, (i + 1) * length))
  return JSON.stringify(inner.length === 0 ? items[0] : items)
}

function tensorFrom(host: string, body: Buffer, { name, datatype }: TensorSpec): Tensor {
  const refuse = (why: string, cause?: unknown) =>
    new AppError('unavailable', `the model server ${host} gives no list of predictions: ${why}`, {}, cause)
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    const list = Array.isArray(parsed) ? parsed : (parsed as { predictions?: unknown } | null)?.predictions
    if (!Array.isArray(list)) throw refuse('neither the answer nor its "predictions" is a list')
    const shape: number[] = []
    for (let level: unknown = list; Array.isArray(level); level = level[0]) {
      shape.push(level.length)
      if (shape.length > MOST_DIMENSIONS) throw refuse(`it is nested deeper than ${MOST_DIMENSIONS} lists`)
    }
    return {
      name,
      datatype: datatype as Datatype,
      shape,
      data: dataFromJson({ name, datatype: datatype as Datatype, elements: elementsIn(shape) }, list),
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) throw refuse(error.message, error)
    throw error
  }
}
