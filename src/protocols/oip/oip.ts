import { AppError, errorCodes } from '../../contract/errors.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { parseJson } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import type { Ids } from '../../infra/ids.ts'
import { createJsonRows } from '../../lib/tensors/json-rows.ts'
import type { Deployments, Live } from '../../modules/serving/deployments/index.ts'
import type { InferCall } from './call.ts'
import { generatedText, readGenerate } from './generate.ts'
import { headerLengthFrom, readPackedBody } from './http-body.ts'
import { deadlineFrom, idempotencyKeyFrom } from './http-limits.ts'
import { answerText, rowsText, sendAnswer, sendText } from './http-reply.ts'
import { readInferRequest } from './http-request.ts'
import { type Answer, createInference, type Target, versionFrom } from './inference.ts'
import { configOf, extensions, metadataOf, statisticsOf } from './metadata.ts'
import { createRepository } from './repository.ts'
import { rowCalls } from './row-calls.ts'
import type { Statistics } from './statistics.ts'
import { answersInOrder, sendAnswers } from './streaming.ts'

type Deps = {
  readonly deployments: Deployments
  readonly ids: Ids
  readonly statistics: Statistics
  readonly bodyLimitBytes: number
  readonly version: string
}
type Handle = Route['handle']

/**
 * The Open Inference Protocol, version 2, over HTTP, with its extensions: binary tensors, the repository, generate, streamed
 * answers, configuration and statistics. A deployment is a model; its versions are those that serve. Errors are
 * `{"error": "<text>"}`, as clients of the protocol expect.
 */
export function oipRoutes(deps: Deps): Route[] {
  const { deployments } = deps
  const route = (method: Route['method'], path: string, scope: Route['scope'], handle: Handle): Route => ({
    method,
    path,
    scope,
    handle(exchange) {
      const pending = exchange.params.model && deployments.lookUp(exchange.caller.project, exchange.params.model)
      return pending ? pending.then(() => handle(exchange)) : handle(exchange)
    },
    fail,
  })
  const ofModel = (method: Route['method'], path: string, scope: Route['scope'], handle: Handle): Route[] => [
    route(method, `/v2/models/:model${path}`, scope, handle),
    route(method, `/v2/models/:model/versions/:version${path}`, scope, handle),
  ]
  const inference = createInferenceHandles(deps)
  const about = createMetadataHandles(deps)
  const repository = createRepositoryHandles(deps)
  return [
    route('GET', '/v2', 'public', ({ response }) => sendJson(response, 200, { name: 'setpoint', version: deps.version, extensions })),
    route('GET', '/v2/health/live', 'public', ({ response }) => sendJson(response, 200, { live: true })),
    route('GET', '/v2/health/ready', 'public', about.serverReady),
    route('GET', '/v2/models', 'read', about.list),
    route('GET', '/v2/models/stats', 'read', about.allStatistics),
    ...ofModel('GET', '', 'read', about.metadata),
    ...ofModel('GET', '/ready', 'read', about.ready),
    ...ofModel('GET', '/config', 'read', about.config),
    ...ofModel('GET', '/stats', 'read', about.statistics),
    ...ofModel('POST', '/infer', 'predict', inference.infer),
    ...ofModel('POST', '/infer_stream', 'predict', inference.inferStream),
    ...ofModel('POST', '/generate', 'predict', inference.generate),
    ...ofModel('POST', '/generate_stream', 'predict', inference.generateStream),
    route('POST', '/v2/repository/index', 'read', repository.index),
    route('POST', '/v2/repository/models/:model/load', 'write', repository.load),
    route('POST', '/v2/repository/models/:model/unload', 'write', repository.unload),
    ...unsupportedPaths.flatMap((path) => [route('GET', path, 'read', unsupported), route('POST', path, 'read', unsupported)]),
  ]
}

const fail: NonNullable<Route['fail']> = (error, { response }) =>
  sendJson(response, errorCodes[error.code].status, { error: error.message })

/** What Triton has and a server that shares no memory with its clients, and logs by its own settings, has not. */
const unsupportedPaths = [
  '/v2/logging',
  '/v2/trace/setting',
  '/v2/models/:model/trace/setting',
  '/v2/systemsharedmemory/*',
  '/v2/cudasharedmemory/*',
]

function unsupported({ request }: Exchange): never {
  throw new AppError('unsupported', `${request.url} is unsupported: this server has no shared memory, and its log is set when it starts`)
}

/** The deployment that a path names, narrowed to the version that it names. */
function liveOf(deployments: Deployments, { caller, params }: Exchange): Live {
  const model = params.model!
  return deployments.serving(caller.project, model, versionFrom(model, params.version))
}

function createInferenceHandles({ deployments, ids, statistics, bodyLimitBytes }: Deps) {
  const inference = createInference({ deployments, ids, statistics })
  const readRows = createJsonRows()
  const targetOf = ({ params, request }: Exchange): Target => ({
    model: params.model!,
    version: versionFrom(params.model!, params.version),
    deadlineMs: deadlineFrom(request.headers),
    idempotencyKey: idempotencyKeyFrom(request.headers),
  })
  const readCall = (exchange: Exchange, live: Live, body: Buffer) => {
    const { model } = live.champion
    const inputs = metadataOf(live).inputs
    return readInferRequest(body, { headerLength: headerLengthFrom(exchange.request), inputs, missingAllowed: model.tabular })
  }
  async function stream(exchange: Exchange, read: (live: Live, body: Buffer) => InferCall, textOf: (answer: Answer) => string) {
    const target = targetOf(exchange)
    const live = inference.live(exchange.caller, target)
    const call = read(live, await readPackedBody(exchange.request, bodyLimitBytes))
    const calls = rowCalls(live, call, call.id ?? ids('pred'))
    const answers = answersInOrder(calls, (one) => inference.infer(exchange.caller, live, rowTarget(target, one), one))
    await sendAnswers(exchange.response, answers, textOf)
  }

  return {
    async infer(exchange: Exchange): Promise<void> {
      const { caller, request, response } = exchange
      const target = targetOf(exchange)
      const live = inference.live(caller, target)
      const body = await readPackedBody(request, bodyLimitBytes)
      const isPlain = live.champion.model.tabular && request.headers['inference-header-content-length'] === undefined
      const rows = isPlain ? readRows(body, live.champion.features.length) : undefined
      if (!rows) {
        const { call, form } = readCall(exchange, live, body)
        sendAnswer(response, await inference.infer(caller, live, target, call), form)
        return
      }
      const { id, scored } = await inference.score(caller, live, target, rows)
      if (!scored.recorded) response.setHeader('setpoint-recorded', 'false')
      const predictions = deployments.predictions(live, scored.scores, scored.versions, rows.values)
      sendText(response, rowsText({ model: live.name, id, fallback: scored.fallback }, scored, predictions))
    },
    inferStream: (exchange: Exchange) => stream(exchange, (live, body) => readCall(exchange, live, body).call, answerText),
    async generate(exchange: Exchange): Promise<void> {
      const target = targetOf(exchange)
      const live = inference.live(exchange.caller, target)
      const call = readGenerate(await readPackedBody(exchange.request, bodyLimitBytes), live)
      const answer = await inference.infer(exchange.caller, live, target, call)
      if (!answer.recorded) exchange.response.setHeader('setpoint-recorded', 'false')
      sendText(exchange.response, generatedText(answer))
    },
    generateStream: (exchange: Exchange) => stream(exchange, (live, body) => readGenerate(body, live), generatedText),
  }
}

/** Each row of a stream is a request of its own, and so is its key. */
function rowTarget(target: Target, { id }: InferCall): Target {
  return target.idempotencyKey === undefined ? target : { ...target, idempotencyKey: `${target.idempotencyKey}/${id}` }
}

function createMetadataHandles({ deployments, statistics }: Deps) {
  const figures = ({ project, name, champion }: Live) =>
    statistics.read(project, name, champion.version).map((one) => statisticsOf(name, one))
  return {
    serverReady({ response }: Exchange) {
      const ready = deployments.hasStarted()
      sendJson(response, ready ? 200 : 503, { live: true, ready })
    },
    async list({ caller, response }: Exchange) {
      sendJson(response, 200, { models: (await deployments.readiness(caller.project)).map(({ name }) => name) })
    },
    metadata: (exchange: Exchange) => sendJson(exchange.response, 200, metadataOf(liveOf(deployments, exchange))),
    ready(exchange: Exchange) {
      liveOf(deployments, exchange)
      sendJson(exchange.response, 200, { name: exchange.params.model, ready: true })
    },
    config: (exchange: Exchange) => sendJson(exchange.response, 200, configOf(liveOf(deployments, exchange))),
    statistics: (exchange: Exchange) =>
      sendJson(exchange.response, 200, { model_stats: versionOnly(exchange, figures(liveOf(deployments, exchange))) }),
    async allStatistics({ caller, response }: Exchange) {
      const ready = (await deployments.readiness(caller.project)).filter(({ ready }) => ready)
      sendJson(response, 200, { model_stats: ready.flatMap(({ name }) => figures(deployments.serving(caller.project, name))) })
    },
  }
}

function versionOnly<T extends { readonly version: string }>({ params }: Exchange, all: readonly T[]): readonly T[] {
  return params.version === undefined ? all : all.filter(({ version }) => version === params.version)
}

function createRepositoryHandles({ deployments, bodyLimitBytes }: Deps) {
  const repository = createRepository(deployments)
  const fieldsOf = async ({ request }: Exchange): Promise<Record<string, unknown>> => {
    const given = parseJson(await readPackedBody(request, bodyLimitBytes))
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Record<string, unknown>
    throw new AppError('invalid', 'the body must be a JSON object')
  }
  return {
    async index(exchange: Exchange) {
      const { ready } = await fieldsOf(exchange)
      sendJson(exchange.response, 200, await repository.index(exchange.caller, ready === true))
    },
    async load(exchange: Exchange) {
      const { parameters } = await fieldsOf(exchange)
      await repository.load(exchange.caller, exchange.params.model!, Object.keys(parameters ?? {}))
      sendJson(exchange.response, 200, { name: exchange.params.model, load: true })
    },
    async unload(exchange: Exchange) {
      await repository.unload(exchange.caller, exchange.params.model!)
      sendJson(exchange.response, 200, { name: exchange.params.model, unload: true })
    },
  }
}
