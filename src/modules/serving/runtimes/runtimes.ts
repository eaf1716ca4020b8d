import { buffer } from 'node:stream/consumers'
import { RuntimeSpec } from '../../../contract/deployments.ts'
import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import { checkInputs } from './check-inputs.ts'
import { createHeldModels } from './held-models.ts'
import type { LoadedModel } from './model.ts'
import { openOnnx } from './onnx-runtime.ts'
import { processed } from './processed.ts'
import { openPython, type PythonDeps, type PythonSpec } from './python-model.ts'
import { openRemote, placeOf } from './remote-model.ts'
import type { RemoteDeps } from './remote-server.ts'
import { openInThread } from './thread-model.ts'
import { warm } from './warm.ts'

type Version = Pick<
  ModelVersion,
  'model' | 'version' | 'format' | 'digest' | 'features' | 'sizeBytes' | 'signature' | 'manifest' | 'processing'
>

export type Runtimes = {
  /**
   * The model of a version, loaded, checked and warmed; versions with the same file share one. Call `release` once per
   * `load`. Throws what keeps the model from being loaded; nothing is kept then.
   */
  load(version: Version, runtime?: RuntimeSpec): Promise<LoadedModel>
  /** Opens a file that is not registered yet and closes it again; answers whether it scores rows of features, and if not why. Throws the reason it cannot be served at all. */
  probe(bytes: Uint8Array, features: number): Promise<{ readonly tabular: boolean; readonly problem: AppError | undefined }>
  /** The models that are loaded; `resident` says whether one is in memory now or was put aside to make room. */
  loaded(): readonly { digest: string; users: number; sizeBytes: number; resident: boolean }[]
  close(): Promise<void>
}

/** Larger files belong in a Python or a remote runtime, not in the process that answers requests. */
const MODEL_LIMIT_BYTES = 512 * 1024 * 1024
/** A model that takes longer for one row would hold up the others’ requests, and gets a thread of its own. */
const SLOW_ROW_US = 300

type Deps = {
  readonly blobs: Blobs
  readonly clock: Clock
  readonly memoryBytes: number
  readonly random: () => number
  readonly log: Log
  readonly remote: Pick<RemoteDeps, 'hosts' | 'readSecret'>
  readonly python: Pick<PythonDeps, 'folders' | 'interpreter' | 'environment'>
}
const pythonDefaults = RuntimeSpec.parse({ kind: 'python' }) as PythonSpec
type Loading = Parameters<ReturnType<typeof createHeldModels>['load']>[0]

export function createRuntimes({ blobs, clock, random, log, memoryBytes, remote, python }: Deps): Runtimes {
  const held = createHeldModels({ clock, memoryBytes })

  async function openFile(digest: string, features: number, thread: 'auto' | 'own' | 'shared'): Promise<LoadedModel> {
    const bytes = await buffer((await blobs.get(digest)).stream)
    if (thread === 'own') return await openInThread(bytes, features)
    const model = await openOnnx(bytes, features)
    try {
      const rowUs = await warm(model)
      if (thread === 'shared' || rowUs === undefined || rowUs < SLOW_ROW_US) return model
      const moved = await openInThread(bytes, features)
      await model.release()
      return moved
    } catch (error) {
      await model.release()
      throw error
    }
  }

  /** How a version is loaded. Throws `unsupported` for what this server has no runtime for, `too_large`. */
  function loadingOf(version: Version, runtime: RuntimeSpec): Loading {
    switch (runtime.kind) {
      case 'auto':
        if (version.digest === null && version.manifest.artifact !== undefined) return pythonLoading(version, pythonDefaults)
        return onnxLoading(version, 'auto')
      case 'onnx':
        return onnxLoading(version, runtime.thread)
      case 'python':
        return pythonLoading(version, runtime)
      case 'remote': {
        const open = () => openRemote({ ...remote, clock, random }, runtime, version)
        return {
          key: JSON.stringify([placeOf(runtime, version), runtime, version.model, version.features]),
          digest: '',
          sizeBytes: 0,
          open,
        }
      }
      default:
        return assertNever(runtime)
    }
  }

  function pythonLoading(version: Version, spec: PythonSpec): Loading {
    const open = () => openPython({ ...python, clock, random, log }, spec, version)
    const { manifest, features, sizeBytes } = version
    const key = JSON.stringify(['python', manifest.artifact ?? version.version, spec, features])
    return { key, digest: manifest.artifact ?? '', sizeBytes: sizeBytes ?? 0, open }
  }

  function onnxLoading(
    { model, version, format, digest, features, sizeBytes: knownBytes }: Version,
    thread: 'auto' | 'own' | 'shared',
  ): Loading {
    if (digest === null)
      throw new AppError(
        'unsupported',
        `model ${model} version ${version} is a ${format} that this process cannot run; register it with an ONNX file, such as one made by mlflow.onnx.log_model`,
      )
    const sizeBytes = knownBytes ?? 0
    if (sizeBytes > MODEL_LIMIT_BYTES)
      throw new AppError(
        'too_large',
        `model ${model} version ${version} has ${sizeBytes} bytes; the runtime in process takes ${MODEL_LIMIT_BYTES}`,
      )
    return { key: `${digest}/${thread}`, digest, sizeBytes, open: () => openFile(digest, features.length, thread) }
  }

  return {
    async load(version, runtime = { kind: 'auto' }) {
      const { model, version: number, features } = version
      const loaded = await held.load(loadingOf(version, runtime))
      if (!loaded.tabular || loaded.features === features.length) return await processed(checked(loaded), version)
      await loaded.release()
      throw new AppError(
        'conflict',
        `model ${model} version ${number} names ${features.length} features; the same file is loaded with ${loaded.features}`,
      )
    },
    async probe(bytes, features) {
      const model = await openOnnx(bytes, features)
      const problem = model.tabular
        ? undefined
        : await model.score(new Float32Array(0), 0).then(
            () => undefined,
            (error: AppError) => error,
          )
      await model.release()
      return { tabular: model.tabular, problem }
    },
    loaded: held.list,
    close: held.close,
  }
}

/** The model, asked only for what it takes and gives. */
function checked(model: LoadedModel): LoadedModel {
  return {
    ...model,
    async infer(tensors, options) {
      checkInputs(model, tensors, options.outputs)
      return await model.infer(tensors, options)
    },
  }
}

function assertNever(value: never): never {
  throw new Error(`a runtime that nobody knows: ${JSON.stringify(value)}`)
}
