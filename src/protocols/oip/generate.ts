import { AppError } from '../../contract/errors.ts'
import { parseJson } from '../../infra/http/body.ts'

import { dataFromJson, jsonFromData } from '../../lib/tensors/json-data.ts'
import type { Datatype, Tensor, TensorSpec } from '../../lib/tensors/tensor.ts'
import type { Live } from '../../modules/serving/deployments/index.ts'
import { asInvalid, type InferCall, readId, readParameters } from './call.ts'
import type { Answer } from './inference.ts'
import { portsOf } from './metadata.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * A request of Triton’s generate extension: the model’s inputs by name, each one value or a flat list; of a tabular model its
 * features by name, or `features` as a list. Fields that are no input are parameters. Throws `invalid`.
 */
export function readGenerate(body: Buffer, live: Live): InferCall {
  const given = parseJson(body)
  if (!isFields(given)) throw new AppError('invalid', 'the body must be a JSON object')
  const parameters = given.parameters === undefined ? {} : given.parameters
  if (!isFields(parameters)) throw new AppError('invalid', 'parameters: an object is needed')
  const fields: Fields = { ...parameters, ...given }
  const inputs = specsFor(live, fields).flatMap((spec) => (fields[spec.name] === undefined ? [] : [tensorFrom(spec, fields[spec.name])]))
  if (inputs.length === 0)
    throw new AppError('invalid', `the request names no input of ${live.name}; it takes ${namesOf(live).slice(0, 20).join(', ')}`)
  const { sequence_id, timeout, actor, source, ids } = fields
  return { id: readId(given.id), ...readParameters({ sequence_id, timeout, actor, source, ids }), inputs, outputs: [] }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function specsFor(live: Live, fields: Fields): readonly TensorSpec[] {
  const { model, features } = live.champion
  if (!model.tabular || Array.isArray(fields.features)) return portsOf(live).inputs
  return features.map((name) => ({ name, datatype: 'FP32', shape: [-1] }))
}

function namesOf(live: Live): readonly string[] {
  return live.champion.model.tabular ? live.champion.features : live.champion.model.inputs.map(({ name }) => name)
}

/** One value fills a shape of ones; a list lies along the last dimension. */
function tensorFrom({ name, datatype: type, shape: free }: TensorSpec, value: unknown): Tensor {
  const data = Array.isArray(value) ? value : [value]
  const shape = free.map((length, axis) => (axis === free.length - 1 ? data.length : Math.max(length, 1)))
  const datatype = type as Datatype
  const elements = Array.isArray(value) ? data.length : 1
  return { name, datatype, shape, data: asInvalid(() => dataFromJson({ name, datatype, elements }, data)) }
}

/** The reply of the generate extension: every output by its name, one value by itself. Throws RangeError for BYTES that are not UTF-8. */
export function generatedText({ id, model, version, fallback, outputs }: Answer): string {
  const fields = outputs.map(({ name, datatype, data }) => {
    const list = jsonFromData(datatype, data)
    return `${JSON.stringify(name)}:${data.length === 1 ? list.slice(1, -1) : list}`
  })
  const parameters = fallback ? ['"parameters":{"fallback":true}'] : []
  return `{${[`"id":${JSON.stringify(id)}`, `"model_name":"${model}"`, `"model_version":"${version}"`, ...parameters, ...fields].join(',')}}`
}
