import { AppError, errorCodes } from '../../contract/errors.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { parseJson } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import type { Ids } from '../../infra/ids.ts'
import { dataFromJson, jsonFromData } from '../../lib/tensors/json-data.ts'
import { type Datatype, elementsIn, type Tensor } from '../../lib/tensors/tensor.ts'
import type { Deployments, Live } from '../../modules/serving/deployments/index.ts'
import { asInvalid } from '../oip/call.ts'
import { readPackedBody } from '../oip/http-body.ts'
import { deadlineFrom, idempotencyKeyFrom } from '../oip/http-limits.ts'
import { sendText } from '../oip/http-reply.ts'

type Deps = { readonly deployments: Deployments; readonly ids: Ids; readonly bodyLimitBytes: number }

/** Deeper instances are no tensors. */
const MOST_DEPTH = 8

/**
 * Version 1 of KServe’s protocol: `instances` in, `predictions` out. An instance of a tabular model is a list of numbers in the
 * order of the features or an object by their names; of a model with one other input, its element along the first dimension.
 */
export function kserveV1Routes({ deployments, ids, bodyLimitBytes }: Deps): Route[] {
  const liveOf = async ({ caller }: Exchange, name: string): Promise<Live> => {
    await deployments.lookUp(caller.project, name)
    return deployments.serving(caller.project, name)
  }

  async function predict(exchange: Exchange): Promise<void> {
    const name = /^(.+):predict$/.exec(exchange.params.target!)?.[1]
    if (name === undefined) throw new AppError('not_found', `there is no POST /v1/models/${exchange.params.target}; use :predict`)
    const live = await liveOf(exchange, name)
    const instances = instancesFrom(parseJson(await readPackedBody(exchange.request, bodyLimitBytes)))
    const id = ids('pred')
    const inputs = live.champion.model.tabular ? [rowsOf(deployments, live, instances)] : [tensorOf(live, instances)]
    const { headers } = exchange.request
    const limits = { deadlineMs: deadlineFrom(headers), idempotencyKey: idempotencyKeyFrom(headers) }
    const asked = { deployment: live.name, id, inputs, outputs: [], actor: '', source: '', ...limits }
    const { outputs, recorded } = await deployments.infer(asked, exchange.caller)
    if (!recorded) exchange.response.setHeader('setpoint-recorded', 'false')
    sendText(exchange.response, replyText(live, outputs))
  }

  return [
    {
      method: 'GET',
      path: '/v1/models',
      scope: 'read',
      async handle({ caller, response }) {
        sendJson(response, 200, { models: (await deployments.readiness(caller.project)).map(({ name }) => name) })
      },
      fail,
    },
    {
      method: 'GET',
      path: '/v1/models/:target',
      scope: 'read',
      async handle(exchange) {
        const { name } = await liveOf(exchange, exchange.params.target!)
        sendJson(exchange.response, 200, { name, ready: true })
      },
      fail,
    },
    { method: 'POST', path: '/v1/models/:target', scope: 'predict', handle: predict, fail },
  ]
}

const fail: NonNullable<Route['fail']> = (error, { response }) =>
  sendJson(response, errorCodes[error.code].status, { error: error.message })

function instancesFrom(body: unknown): readonly unknown[] {
  const instances = (body as { instances?: unknown } | null)?.instances
  if (Array.isArray(instances) && instances.length > 0) return instances
  throw new AppError('invalid', 'instances: a list of at least one instance is needed')
}

function rowsOf(deployments: Deployments, live: Live, instances: readonly unknown[]): Tensor {
  const width = live.champion.features.length
  const shape = [instances.length, width]
  const isList = instances.some(Array.isArray)
  if (isList) {
    const odd = instances.findIndex((instance) => !Array.isArray(instance) || instance.length !== width)
    if (odd >= 0)
      throw new AppError('invalid', `instances.${odd}: a list of ${width} numbers is needed, as of every instance`, { features: width })
    const claim = { name: 'instances', datatype: 'FP32' as const, elements: instances.length * width }
    return { name: 'instances', datatype: 'FP32', shape, data: asInvalid(() => dataFromJson(claim, instances)) }
  }
  const { values, problems } = deployments.rowsFromNames(live, instances, (row) => `instances.${row}`)
  if (problems.length > 0)
    throw new AppError(
      'invalid',
      problems
        .slice(0, 10)
        .map(({ field, rule }) => `${field}: ${rule}`)
        .join('; '),
      { problems },
    )
  return { name: 'instances', datatype: 'FP32', shape, data: values }
}

function tensorOf({ name: deployment, champion: { model } }: Live, instances: readonly unknown[]): Tensor {
  const [spec, ...others] = model.inputs
  if (!spec || others.length > 0)
    throw new AppError(
      'invalid',
      `${deployment} has ${model.inputs.length} inputs, which this protocol cannot name; use /v2/models/${deployment}/infer`,
    )
  const shape: number[] = []
  for (let level: unknown = instances; Array.isArray(level) && shape.length <= MOST_DEPTH; level = level[0]) shape.push(level.length)
  const datatype = spec.datatype as Datatype
  const elements = elementsIn(shape)
  return { name: spec.name, datatype, shape, data: asInvalid(() => dataFromJson({ name: spec.name, datatype, elements }, instances)) }
}

/** Of a tabular model the classes, and beside them the scores; of others the outputs, by name where there are several. */
function replyText(live: Live, outputs: readonly Tensor[]): string {
  const lists = asInvalid(() => outputs.map((output) => [output.name, nestedText(output)] as const))
  if (live.champion.model.tabular) {
    const flat = (name: string) => jsonFromData(...partsOf(outputs.find((output) => output.name === name)!))
    return `{"predictions":${flat('prediction')},"scores":${flat('score')}}`
  }
  if (lists.length === 1) return `{"predictions":${lists[0]![1]}}`
  return `{"predictions":{${lists.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}}`
}

function partsOf({ datatype, data }: Tensor): [Tensor['datatype'], Tensor['data']] {
  return [datatype, data]
}

/** A tensor as lists within lists. */
function nestedText({ datatype, shape, data }: Tensor): string {
  if (shape.length <= 1) return jsonFromData(datatype, data)
  const count = shape[0]!
  const size = elementsIn(shape.slice(1))
  const parts = Array.from({ length: count }, (_, i) =>
    nestedText({ name: '', datatype, shape: shape.slice(1), data: data.slice(i * size, (i + 1) * size) as Tensor['data'] }),
  )
  return `[${parts.join(',')}]`
}
