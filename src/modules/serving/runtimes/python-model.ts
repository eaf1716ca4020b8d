import type { RuntimeSpec } from '../../../contract/deployments.ts'
import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import { servingTensors } from '../../../lib/model-files/signature.ts'
import { dataFromBytes, type Tensor, type TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { LoadedModel } from './model.ts'
import type { ModelFolders } from './model-folders.ts'
import { type Frame, partsOf, tensorsFrom } from './python-frames.ts'
import { createPool, type PythonPool } from './python-pool.ts'
import { startWorker } from './python-worker.ts'

export type PythonSpec = Omit<Extract<RuntimeSpec, { kind: 'python' }>, 'kind'>
export type PythonDeps = {
  readonly folders: ModelFolders
  /** The interpreter that the operator allows to load models; undefined where none does. */
  readonly interpreter: string | undefined
  readonly environment: () => Readonly<Record<string, string>>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}
export type PythonVersion = Pick<ModelVersion, 'model' | 'version' | 'features' | 'signature' | 'manifest' | 'format'>

const SCORE = 'score'

/**
 * An MLflow folder, loaded by its python_function flavour in worker processes. Throws `unsupported` where no interpreter is
 * set or the version has no folder or no signature, `unavailable` with the worker’s last words when it cannot be loaded.
 */
export async function openPython(deps: PythonDeps, spec: PythonSpec, version: PythonVersion): Promise<LoadedModel> {
  const what = `model ${version.model} version ${version.version}`
  const { interpreter } = deps
  const tree = version.manifest.artifact
  if (tree === undefined || !(await deps.folders.has(tree, 'MLmodel')))
    throw new AppError(
      'unsupported',
      `${what} is a ${version.format} that this server cannot run: it is neither one ONNX file, such as mlflow.onnx.log_model makes, nor an MLflow folder`,
    )
  if (interpreter === undefined)
    throw new AppError(
      'unsupported',
      `${what} runs in Python, and this server has no interpreter for models; loading one runs its code, so the operator names the interpreter in the setting python (SETPOINT_PYTHON=/path/to/python)`,
    )
  const inputs = inputsOf(version, what)
  const { folder, release } = await deps.folders.take(tree)
  const load = { kind: 'load', folder, features: version.features, memoryBytes: spec.memoryBytes ?? null }
  const launch = { ...deps, interpreter, load, startTimeoutMs: spec.startTimeoutMs, what }
  const pool = createPool({
    ...deps,
    ...spec,
    what,
    memoryBytes: spec.memoryBytes,
    start: () => startWorker({ ...launch, environment: deps.environment() }),
  })
  try {
    const told = await pool.open()
    return modelOf(pool, { inputs, version, what, told, release })
  } catch (error) {
    await release()
    throw error
  }
}

function inputsOf({ features, signature }: PythonVersion, what: string): readonly TensorSpec[] {
  if (signature && signature.inputs.length > 0) return servingTensors(signature.inputs, 'input')
  if (features.length > 0) return [{ name: 'features', datatype: 'FP32', shape: [-1, features.length] }]
  throw new AppError('unsupported', `nothing says what ${what} takes; log it with a signature, or register it with features`)
}

type Opened = {
  readonly inputs: readonly TensorSpec[]
  readonly version: PythonVersion
  readonly what: string
  readonly told: Frame['head']
  release(): Promise<void>
}

function modelOf(pool: PythonPool, { inputs, version, what, told, release }: Opened): LoadedModel {
  const tabular = told.tabular === true
  const why = told.problem === null ? 'it was registered without the names of its features' : String(told.problem)
  const own = version.signature?.outputs.length ? servingTensors(version.signature.outputs, 'output') : []
  const ownNames = own.map(({ name }) => name)
  const addsScore = tabular && !ownNames.includes(SCORE)
  return {
    tabular,
    features: tabular ? version.features.length : 0,
    score: tabular
      ? async (values, rows) => scoresFrom(await pool.run({ kind: 'score', rows }, [bytesOf(values)]), rows, what)
      : () => Promise.reject(new AppError('unsupported', `${what} gives no score a row: ${why}`)),
    inputs,
    outputs: [...own, ...(addsScore ? [{ name: SCORE, datatype: 'FP32', shape: [-1] }] : [])],
    scoreOutput: addsScore ? SCORE : null,
    platform: 'python_pyfunc',
    async infer(tensors, { outputs, signal }) {
      const { heads, parts } = partsOf(tensors)
      const predict = outputs.length === 0 || outputs.some((name) => name !== SCORE || !addsScore)
      const score = addsScore && (outputs.length === 0 || outputs.includes(SCORE))
      const frame = await pool.run({ kind: 'predict', tensors: heads, outputs: ownNames, predict, score }, parts, signal)
      return wantedOf(read(frame, what), outputs, what)
    },
    health: pool.health,
    async release() {
      await pool.close()
      await release()
    },
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

function scoresFrom({ head, body }: Frame, rows: number, what: string): Float32Array {
  if (head.rows !== rows || body.length !== rows * 4)
    throw new AppError('internal', `${what} gives ${String(head.rows)} scores for ${rows} rows; one a row is needed`)
  return dataFromBytes('FP32', body) as Float32Array
}

function read(frame: Frame, what: string): Tensor[] {
  try {
    return tensorsFrom(frame)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new AppError('internal', `the answer of ${what} cannot be read: ${error.message}`, {}, error)
  }
}

function wantedOf(found: readonly Tensor[], wanted: readonly string[], what: string): readonly Tensor[] {
  if (wanted.length === 0) return found
  return wanted.map((name) => {
    const tensor = found.find((one) => one.name === name)
    if (!tensor) throw new AppError('internal', `${what} gives ${found.map((one) => one.name).join(', ')}; its signature names ${name}`)
    return tensor
  })
}
