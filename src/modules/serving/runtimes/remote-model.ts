import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import { servingTensors } from '../../../lib/model-files/signature.ts'
import type { Tensor, TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { LoadedModel } from './model.ts'
import { openJson } from './remote-json.ts'
import { openOip } from './remote-oip.ts'
import { createRemoteServer, type RemoteDeps, type RemoteServer, type RemoteSpec } from './remote-server.ts'
import { scoringOf } from './score-rows.ts'

/** What a protocol makes of a model elsewhere. */
export type ModelFacts = Pick<LoadedModel, 'inputs' | 'outputs' | 'platform' | 'infer'>

export type RemoteVersion = Pick<ModelVersion, 'model' | 'version' | 'features' | 'signature'>

/** Where a version is called: `{version}` in the URL and in the name stands for its number. */
export function placeOf(spec: RemoteSpec, { version }: RemoteVersion): { url: string; route: string | null } {
  const filled = (text: string) => text.replaceAll('{version}', String(version))
  return {
    url: filled(spec.url.replaceAll('%7Bversion%7D', '{version}')),
    // A name may be a path, such as `churn/versions/3`.
    route: spec.model === undefined ? null : filled(spec.model).split('/').map(encodeURIComponent).join('/'),
  }
}

/**
 * A model on a server elsewhere, asked once before anybody waits for it. Throws `forbidden` for a host that is not allowed,
 * `unavailable` when it does not answer or is not ready, `unsupported` for what the protocol cannot carry.
 */
export async function openRemote(deps: RemoteDeps, spec: RemoteSpec, version: RemoteVersion): Promise<LoadedModel> {
  const { url, route } = placeOf(spec, version)
  if (spec.protocol === 'oip-grpc' || /^grpcs?:/.test(url))
    throw new AppError(
      'unsupported',
      `this server calls models over HTTP only; set runtime.protocol to oip and runtime.url to the HTTP port of the same server (Triton 8000, MLServer and KServe 8080)`,
    )
  const server = createRemoteServer(deps, spec, url)
  try {
    const model = encodeURIComponent(version.model)
    const facts =
      spec.protocol === 'oip'
        ? await openOip(server, route ?? model)
        : await openJson(server, { protocol: spec.protocol, route, model, ...tensorsOf(version) })
    return await modelOf(server, facts, version)
  } catch (error) {
    server.close()
    throw error
  }
}

/** What a version takes and gives, as its signature says, else as its features do. */
function tensorsOf({ model, version, features, signature }: RemoteVersion): { inputs: TensorSpec[]; outputs: TensorSpec[] } {
  const plain: TensorSpec = { name: 'predictions', datatype: 'FP64', shape: [-1] }
  const given = signature ? servingTensors(signature.outputs, 'output') : []
  const outputs = given.length === 1 ? given : [plain]
  if (features.length > 0) return { inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, features.length] }], outputs }
  if (signature && signature.inputs.length > 0) return { inputs: servingTensors(signature.inputs, 'input'), outputs }
  throw new AppError(
    'unsupported',
    `nothing says what model ${model} version ${version} takes; register it with features, or from a folder with a signature`,
  )
}

async function modelOf(server: RemoteServer, facts: ModelFacts, version: RemoteVersion): Promise<LoadedModel> {
  const { inputs: given, features } = { ...facts, features: version.features }
  const matrix: TensorSpec = { name: 'predict', datatype: 'FP32', shape: [-1, features.length] }
  // A server that does not say what it takes is given what the version says it takes.
  const inputs = given.length > 0 ? given : features.length > 0 ? [matrix] : servingTensors(version.signature?.inputs ?? [], 'input')
  const infer = async (tensors: readonly Tensor[], options: Parameters<LoadedModel['infer']>[1]) =>
    wantedOf(server.host, await facts.infer(tensors, options), options.outputs)
  const scoring = await scoringOf({ inputs, outputs: facts.outputs, infer }, features, `the model on ${server.host}`)
  return {
    ...scoring,
    inputs,
    outputs: facts.outputs,
    platform: facts.platform,
    infer,
    health: () => ({
      problem: server.breaker === 'open' ? `the model server ${server.host} does not answer; it is tried again soon` : null,
      breaker: server.breaker,
    }),
    async release() {
      server.close()
    },
  }
}

function wantedOf(host: string, outputs: readonly Tensor[], wanted: readonly string[]): readonly Tensor[] {
  if (wanted.length === 0) return outputs
  return wanted.map((name) => {
    const found = outputs.find((output) => output.name === name)
    if (!found) throw new AppError('unavailable', `the model server ${host} leaves out the output ${name} in its answer`)
    return found
  })
}
