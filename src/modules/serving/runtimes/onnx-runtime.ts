import { InferenceSession, Tensor } from 'onnxruntime-node'
import { AppError, messageFrom } from '../../../contract/errors.ts'

const PART_ROWS = 1_024

/** A model held in memory and ready to score. */
export type Scorer = {
  /** Scores `rows` rows laid out one after another in `values` (rows × features); gives one score per row. Throws `internal` when the model fails. */
  score(values: Float32Array, rows: number): Promise<Float32Array>
  readonly features: number
  release(): Promise<void>
}

/**
 * Opens an ONNX model on the CPU. One intra-op thread and sequential execution: for the small models served in process,
 * handing a request to a thread pool costs more than the arithmetic. Throws `unsafe` when ONNX Runtime refuses the file,
 * `invalid` when the model does not map one matrix of floats to one score a row.
 */
export async function openOnnx(bytes: Uint8Array, features: number): Promise<Scorer> {
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
    return await scorerOf(session, features)
  } catch (error) {
    await session.release()
    throw error
  }
}

/** The scorer of an open session, tried on one row. */
async function scorerOf(session: InferenceSession, features: number): Promise<Scorer> {
  const [inputName, ...others] = session.inputNames
  if (inputName === undefined || others.length > 0)
    throw new AppError(
      'invalid',
      `the model must have one input, a matrix of floats (rows × features); this one has ${session.inputNames.length}: ${session.inputNames.join(', ')}`,
    )
  const outputName = session.outputNames.find((name) => /prob|score/i.test(name)) ?? session.outputNames[0]!
  const fetches = [outputName]

  /** Many rows go in parts, so that requests get their turn in between. */
  async function score(values: Float32Array, rows: number): Promise<Float32Array> {
    if (rows <= PART_ROWS) return await scorePart(values, rows)
    const scores = new Float32Array(rows)
    for (let from = 0; from < rows; from += PART_ROWS) {
      const count = Math.min(PART_ROWS, rows - from)
      scores.set(await scorePart(values.subarray(from * features, (from + count) * features), count), from)
    }
    return scores
  }

  async function scorePart(values: Float32Array, rows: number): Promise<Float32Array> {
    const result = await session.run({ [inputName!]: new Tensor('float32', values, [rows, features]) }, fetches)
    const output = result[outputName]
    if (!(output?.data instanceof Float32Array))
      throw new AppError('invalid', `output ${outputName} must be a tensor of 32-bit floats; it is ${output?.type ?? 'absent'}`)
    return scorePerRow(output.data, rows, outputName)
  }

  await score(new Float32Array(features), 1).catch((error: unknown) => {
    if (error instanceof AppError) throw error
    throw new AppError('invalid', `the model fails on one row of ${features} features: ${messageFrom(error)}`, {}, error)
  })
  return { score, features, release: () => session.release() }
}

/** One column is the score itself; of two columns, the second is the positive class. */
function scorePerRow(data: Float32Array, rows: number, name: string): Float32Array {
  if (data.length === rows) return data
  if (data.length === rows * 2) return Float32Array.from({ length: rows }, (_, row) => data[row * 2 + 1]!)
  throw new AppError('invalid', `output ${name} has ${data.length / rows} values a row; one score, or two class probabilities, are needed`)
}
