import { AppError } from '../../contract/errors.ts'
import type { GrpcCall, GrpcMethod, GrpcReply } from '../../infra/grpc/method.ts'
import type { Ids } from '../../infra/ids.ts'
import { messageField, textField, varintField } from '../../lib/protobuf/wire-writer.ts'
import type { Deployments, Live } from '../../modules/serving/deployments/index.ts'
import { configReply, createRowsReply, indexReply, inferReply, metadataReply, serverMetadataReply, statisticsReply } from './grpc-reply.ts'
import { type GrpcInfer, readGrpcInfer, readSmallRequest } from './grpc-request.ts'
import { createInference, type Target, versionFrom } from './inference.ts'
import { extensions } from './metadata.ts'
import { createRepository } from './repository.ts'
import type { Statistics } from './statistics.ts'

type Deps = {
  readonly deployments: Deployments
  readonly ids: Ids
  readonly statistics: Statistics
  readonly version: string
}

export const OIP_SERVICE = 'inference.GRPCInferenceService'
const MOST_KEY = 256

type Unary = (message: Uint8Array, call: GrpcCall) => GrpcReply | Promise<GrpcReply>

/**
 * `inference.GRPCInferenceService`, in the messages that the dialects of KServe, MLServer and Triton share. Where they disagree:
 * a repository request names its model in field 2, or in field 1 where that is empty; a streamed answer is Triton’s.
 */
export function oipMethods(deps: Deps): GrpcMethod[] {
  const { deployments, version } = deps
  const unary = (name: string, scope: GrpcMethod['scope'], run: Unary): GrpcMethod => ({
    path: `/${OIP_SERVICE}/${name}`,
    scope,
    unary: run,
  })
  const infer = createInfer(deps)
  const repository = createRepositoryMethods(deps)
  const about = createMetadataMethods(deps)
  return [
    unary('ServerLive', 'public', () => varintField(1, 1)),
    unary('ServerReady', 'public', () => varintField(1, deployments.hasStarted() ? 1 : 0)),
    unary('ServerMetadata', 'public', () => serverMetadataReply('setpoint', version, extensions)),
    unary('ModelReady', 'read', about.ready),
    unary('ModelMetadata', 'read', about.metadata),
    unary('ModelConfig', 'read', about.config),
    unary('ModelStatistics', 'read', about.statistics),
    unary('ModelInfer', 'predict', infer.one),
    { path: `/${OIP_SERVICE}/ModelStreamInfer`, scope: 'predict', stream: infer.many },
    unary('RepositoryIndex', 'read', repository.index),
    unary('RepositoryModelLoad', 'write', repository.load),
    unary('RepositoryModelUnload', 'write', repository.unload),
  ]
}

function createInfer({ deployments, ids, statistics }: Deps) {
  const inference = createInference({ deployments, ids, statistics })
  const rowsReply = createRowsReply()

  async function answer(
    { model, version, call, isRaw }: GrpcInfer,
    { caller, headers, deadlineMs, trailers }: GrpcCall,
  ): Promise<GrpcReply> {
    const target: Target = { model, version: versionFrom(model, version), deadlineMs, idempotencyKey: keyFrom(headers['idempotency-key']) }
    const pending = deployments.lookUp(caller.project, model)
    if (pending) await pending
    const live = inference.live(caller, target)
    const rows = isRaw && call.ids === undefined && call.deadlineMs === undefined ? rowsOf(live, call) : undefined
    if (!rows) {
      const found = await inference.infer(caller, live, target, call)
      if (!found.recorded) trailers['setpoint-recorded'] = 'false'
      return inferReply(found, isRaw)
    }
    const { id, scored } = await inference.score(caller, live, target, rows)
    if (!scored.recorded) trailers['setpoint-recorded'] = 'false'
    const predictions = deployments.predictions(live, scored.scores, scored.versions, rows.values)
    return rowsReply({ model: live.name, id, fallback: scored.fallback }, scored, predictions)
  }

  return {
    one: (message: Uint8Array, call: GrpcCall) => answer(readGrpcInfer(message), call),
    /** Answers message by message, each before the next is read; an error is an answer, and the stream goes on. */
    async *many(messages: AsyncIterable<Uint8Array>, call: GrpcCall): AsyncIterable<GrpcReply> {
      for await (const message of messages) yield await streamed(message, call)
    },
  }

  async function streamed(message: Uint8Array, call: GrpcCall): Promise<GrpcReply> {
    try {
      return messageField(2, [await answer(readGrpcInfer(message), { ...call, deadlineMs: undefined })])
    } catch (error) {
      if (!(error instanceof AppError || error instanceof RangeError)) throw error
      return textField(1, error.message)
    }
  }
}

/** The usual request of a tabular model: one matrix of floats as raw bytes, no output by name. */
function rowsOf({ champion: { features, model } }: Live, { id, actor, source, inputs, outputs }: GrpcInfer['call']) {
  const [input, ...others] = inputs
  if (!model.tabular || others.length > 0 || outputs.length > 0 || input!.datatype !== 'FP32') return undefined
  const [count, width] = input!.shape
  if (input!.shape.length !== 2 || width !== features.length || count === 0) return undefined
  return { id, actor, source, count: count!, values: input!.data as Float32Array }
}

function keyFrom(header: string | string[] | undefined): string | undefined {
  if (header === undefined || header === '') return undefined
  if (typeof header === 'string' && header.length <= MOST_KEY) return header
  throw new AppError('invalid', `the metadata idempotency-key must be a text of at most ${MOST_KEY} characters`)
}

function createMetadataMethods({ deployments, statistics }: Deps) {
  async function liveFrom(message: Uint8Array, { caller }: GrpcCall): Promise<Live> {
    const { texts } = readSmallRequest(message)
    const name = texts.get(1) ?? ''
    await deployments.lookUp(caller.project, name)
    return deployments.serving(caller.project, name, versionFrom(name, texts.get(2)))
  }
  const figuresOf = ({ project, name, champion }: Live) =>
    statistics.read(project, name, champion.version).map((figures) => ({ name, figures }))

  return {
    async ready(message: Uint8Array, call: GrpcCall): Promise<GrpcReply> {
      try {
        await liveFrom(message, call)
        return varintField(1, 1)
      } catch (error) {
        if (error instanceof AppError && error.code === 'unavailable') return varintField(1, 0)
        throw error
      }
    },
    metadata: async (message: Uint8Array, call: GrpcCall) => metadataReply(await liveFrom(message, call)),
    config: async (message: Uint8Array, call: GrpcCall) => configReply(await liveFrom(message, call)),
    async statistics(message: Uint8Array, call: GrpcCall): Promise<GrpcReply> {
      const { texts } = readSmallRequest(message)
      if (texts.get(1)) {
        const asked = texts.get(2)
        const all = figuresOf(await liveFrom(message, call))
        return statisticsReply(asked ? all.filter(({ figures }) => String(figures.version) === asked) : all)
      }
      const { project } = call.caller
      const ready = (await deployments.readiness(project)).filter((one) => one.ready)
      return statisticsReply(ready.flatMap(({ name }) => figuresOf(deployments.serving(project, name))))
    },
  }
}

function createRepositoryMethods({ deployments }: Deps) {
  const repository = createRepository(deployments)
  /** KServe names the model in field 1; Triton and MLServer in field 2, after the name of a repository. */
  const read = (message: Uint8Array) => {
    const { texts, flags } = readSmallRequest(message)
    return { name: texts.get(2) || texts.get(1) || '', parameters: flags.has(3) ? ['parameters'] : [] }
  }
  return {
    async index(message: Uint8Array, { caller }: GrpcCall): Promise<GrpcReply> {
      return indexReply(await repository.index(caller, readSmallRequest(message).flags.has(2)))
    },
    async load(message: Uint8Array, { caller }: GrpcCall): Promise<GrpcReply> {
      const { name, parameters } = read(message)
      await repository.load(caller, name, parameters)
      return [...textField(1, name), ...varintField(2, 1)]
    },
    async unload(message: Uint8Array, { caller }: GrpcCall): Promise<GrpcReply> {
      const { name } = read(message)
      await repository.unload(caller, name)
      return [...textField(1, name), ...varintField(2, 1)]
    },
  }
}
