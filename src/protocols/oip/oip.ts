import { AppError, errorCodes } from '../../contract/errors.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { parseJson, readBody } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import type { Ids } from '../../infra/ids.ts'
import type { Deployments, Live } from '../../modules/serving/deployments/index.ts'
import { rowsFromRequest } from './tensors.ts'

type Deps = { deployments: Deployments; ids: Ids; bodyLimitBytes: number; version: string }

/**
 * The Open Inference Protocol, version 2, over HTTP and JSON. A deployment is a model; its version is the one that
 * serves. Errors are `{"error": "<text>"}`, as clients of the protocol expect.
 */
export function oipRoutes({ deployments, ids, bodyLimitBytes, version }: Deps): Route[] {
  const route = (method: Route['method'], path: string, scope: Route['scope'], handle: Route['handle']): Route => ({
    method,
    path,
    scope,
    handle(exchange) {
      const pending = exchange.params.model && deployments.lookUp(exchange.caller.project, exchange.params.model)
      return pending ? pending.then(() => handle(exchange)) : handle(exchange)
    },
    fail,
  })
  const model = (exchange: Exchange): Live => {
    const live = deployments.serving(exchange.caller.project, exchange.params.model!)
    const asked = exchange.params.version
    const served = [live.champion.version, live.challenger?.version]
    if (asked !== undefined && !served.includes(Number(asked)))
      throw new AppError(
        'not_found',
        `deployment ${live.name} does not serve version ${asked}; it serves ${served.filter(Boolean).join(' and ')}`,
      )
    return live
  }

  async function infer(exchange: Exchange): Promise<void> {
    const live = model(exchange)
    const rows = rowsFromRequest(parseJson(await readBody(exchange.request, bodyLimitBytes)), live.champion.features.length)
    const id = rows.id ?? ids('pred')
    const rowIds = rows.ids ?? (rows.count === 1 ? [id] : Array.from({ length: rows.count }, (_, row) => `${id}#${row}`))
    const scored = await deployments.score(
      { deployment: live.name, ids: rowIds, values: rows.values, actor: rows.actor, source: rows.source },
      exchange.caller,
    )
    if (!scored.recorded) exchange.response.setHeader('setpoint-recorded', 'false')
    sendJson(exchange.response, 200, {
      model_name: live.name,
      model_version: String(scored.versions[0]),
      id,
      outputs: [
        { name: 'score', datatype: 'FP32', shape: [rows.count, 1], data: Array.from(scored.scores) },
        {
          name: 'prediction',
          datatype: 'INT32',
          shape: [rows.count, 1],
          data: Array.from(deployments.predictions(live, scored.scores, scored.versions, rows.values)),
        },
        { name: 'version', datatype: 'INT32', shape: [rows.count, 1], data: scored.versions },
      ],
    })
  }

  const metadata = (exchange: Exchange) => sendJson(exchange.response, 200, metadataOf(model(exchange)))
  const ready = (exchange: Exchange) => {
    model(exchange)
    sendJson(exchange.response, 200, { name: exchange.params.model, ready: true })
  }
  return [
    route('GET', '/v2', 'public', ({ response }) => sendJson(response, 200, { name: 'setpoint', version, extensions: [] })),
    route('GET', '/v2/health/live', 'public', ({ response }) => sendJson(response, 200, { live: true })),
    route('GET', '/v2/health/ready', 'public', ({ response }) => sendJson(response, 200, { live: true, ready: true })),
    route('GET', '/v2/models/:model', 'read', metadata),
    route('GET', '/v2/models/:model/versions/:version', 'read', metadata),
    route('GET', '/v2/models/:model/ready', 'read', ready),
    route('GET', '/v2/models/:model/versions/:version/ready', 'read', ready),
    route('POST', '/v2/models/:model/infer', 'predict', infer),
    route('POST', '/v2/models/:model/versions/:version/infer', 'predict', infer),
  ]
}

const fail: NonNullable<Route['fail']> = (error, { response }) =>
  sendJson(response, errorCodes[error.code].status, { error: error.message })

function metadataOf(live: Live) {
  const { version, features } = live.champion
  return {
    name: live.name,
    versions: [String(version)],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, features.length], parameters: { names: features } }],
    outputs: [
      { name: 'score', datatype: 'FP32', shape: [-1, 1] },
      { name: 'prediction', datatype: 'INT32', shape: [-1, 1] },
      { name: 'version', datatype: 'INT32', shape: [-1, 1] },
    ],
  }
}
