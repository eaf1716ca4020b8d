import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import { scorePerRow } from '../../../lib/tensors/rows.ts'
import type { Tensor, TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { InferOptions, LoadedModel } from './model.ts'
import { datatypeFromOrt, ortTensorFrom, tensorFromOrt } from './onnx-tensors.ts'

const PART_ROWS = 1_024

/**
 * Opens an ONNX model on the CPU. One intra-op thread and sequential execution: for the small models served in process,
 * handing a request to a thread pool costs more than the arithmetic. A model that maps one matrix of floats, of `features`
 * columns, to one score a row is tabular. Throws `unsafe` when ONNX Runtime refuses the file, `unsupported` for inputs that
 * are no tensors.
 */
export async function openOnnx(bytes: Uint8Array, features: number): Promise<LoadedModel> {
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  }).catch((error: unknown) => {
    throw new AppError('unsafe', `ONNX Runtime cannot open this file: ${messageFrom(error)}`, {}, error)
  })
  try {
    return await modelOf(session, features)
  } catch (error) {
    await session.release()
    throw error
  }
}

/** The model of an open session; whether it is tabular is found out by trying it on one row. */
async function modelOf(session: InferenceSession, features: number): Promise<LoadedModel> {
  const inputs = specsOf(session.inputMetadata)
  const outputs = specsOf(session.outputMetadata)
  const scoreOutput = (outputs.find(({ name }) => /prob|score/i.test(name)) ?? outputs[0]!).name
  const score = scoring(session, scoreOutput, features)
  const problem = await whyNotTabular(inputs, outputs, scoreOutput, () => score(new Float32Array(features), 1), features)
  return {
    tabular: problem === undefined,
    features: problem === undefined ? features : 0,
    score: problem === undefined ? score : () => Promise.reject(problem),
    inputs,
    outputs,
    scoreOutput: problem === undefined ? scoreOutput : null,
    platform: 'onnxruntime_onnx',
    infer: (tensors, options) => infer(session, { inputs, outputs }, tensors, options),
    release: () => session.release(),
  }
}

function specsOf(metadata: InferenceSession['inputMetadata']): TensorSpec[] {
  return metadata.map((value) => {
    if (!value.isTensor)
      throw new AppError('unsupported', `${value.name} is no tensor; export the model without ZipMap, so that it gives arrays`)
    return {
      name: value.name,
      datatype: datatypeFromOrt(value.type),
      shape: value.shape.map((length) => (typeof length === 'number' ? length : -1)),
    }
  })
}

/** Rows of floats to scores; many rows go in parts, so that requests get their turn in between. */
function scoring(session: InferenceSession, outputName: string, features: number) {
  const inputName = session.inputNames[0]!
  const fetches = [outputName]

  async function scorePart(values: Float32Array, rows: number): Promise<Float32Array> {
    const result = await session.run({ [inputName]: new OrtTensor('float32', values, [rows, features]) }, fetches)
    const output = result[outputName]
    if (!(output?.data instanceof Float32Array))
      throw new AppError('unsupported', `output ${outputName} must be a tensor of 32-bit floats; it is ${output?.type ?? 'absent'}`)
    const scores = scorePerRow(output.data, rows)
    if (scores) return scores
    throw new AppError(
      'unsupported',
      `output ${outputName} has ${output.data.length / rows} values a row; one score, or two class probabilities, are needed`,
    )
  }

  return async (values: Float32Array, rows: number): Promise<Float32Array> => {
    if (rows <= PART_ROWS) return await scorePart(values, rows)
    const scores = new Float32Array(rows)
    for (let from = 0; from < rows; from += PART_ROWS) {
      const count = Math.min(PART_ROWS, rows - from)
      scores.set(await scorePart(values.subarray(from * features, (from + count) * features), count), from)
    }
    return scores
  }
}

async function whyNotTabular(
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  scoreOutput: string,
  tryOneRow: () => Promise<Float32Array>,
  features: number,
): Promise<AppError | undefined> {
  const refuse = (why: string) => new AppError('unsupported', `the model gives no score a row: ${why}`)
  const [input, ...others] = inputs
  if (!input || others.length > 0)
    return refuse(
      `it must have one input, a matrix of floats (rows × features); this one has ${inputs.length}: ${inputs.map(({ name }) => name).join(', ')}`,
    )
  if (input.datatype !== 'FP32' || input.shape.length !== 2)
    return refuse(`its input ${input.name} is ${input.datatype} [${input.shape.join(', ')}], not a matrix of 32-bit floats`)
  if (features === 0) return refuse('it was registered without the names of its features')
  const output = outputs.find(({ name }) => name === scoreOutput)!
  if (output.datatype !== 'FP32') return refuse(`its output ${scoreOutput} is ${output.datatype}, not 32-bit floats`)
  try {
    await tryOneRow()
    return undefined
  } catch (error) {
    if (error instanceof AppError) return error
    return new AppError('invalid', `the model fails on one row of ${features} features: ${messageFrom(error)}`, {}, error)
  }
}

async function infer(
  session: InferenceSession,
  { inputs, outputs }: { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] },
  tensors: readonly Tensor[],
  options: InferOptions,
): Promise<readonly Tensor[]> {
  const wanted = options.outputs.length > 0 ? options.outputs : outputs.map(({ name }) => name)
  const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, ortTensorFrom(tensor)]))
  const result = await session.run(feeds, [...wanted]).catch((error: unknown) => {
    // What was sent had the model’s own types and shapes; the rest is known only to the model.
    throw new AppError(
      'invalid',
      `the model cannot run on these inputs (${inputs.map(({ name }) => name).join(', ')}): ${messageFrom(error)}`,
      {},
      error,
    )
  })
  return wanted.map((name) => tensorFromOrt(name, result[name] as OrtTensor))
}
