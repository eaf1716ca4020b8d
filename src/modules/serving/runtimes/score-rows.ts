import { AppError } from '../../../contract/errors.ts'
import { floatsFromTensor, scorePerRow } from '../../../lib/tensors/rows.ts'
import type { TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { LoadedModel } from './model.ts'
import { rowForm, tensorsFromRows } from './row-tensors.ts'

type Facts = Pick<LoadedModel, 'inputs' | 'outputs' | 'infer'>
type Scoring = Pick<LoadedModel, 'tabular' | 'features' | 'score' | 'scoreOutput'>

/** Rows sent at once; more go in parts. */
const PART_ROWS = 1_000

/**
 * Scoring of rows by a model that takes tensors elsewhere. It is tabular when it takes rows of the version’s features, and
 * gives one score a row, or two class probabilities, for a row of zeros. `what` names it in messages. Throws what keeps it
 * from answering at all.
 */
export async function scoringOf(facts: Facts, features: readonly string[], what: string): Promise<Scoring> {
  const scoreOutput = (facts.outputs.find(({ name }) => /prob|score/i.test(name)) ?? facts.outputs[0])?.name ?? null
  const problem = whyNot(facts.inputs, features, what)
  const scorePart = partScoring(facts, features, scoreOutput, what)
  const refused = problem ?? (await refusedRow(scorePart, features.length))
  if (refused) return { tabular: false, features: 0, scoreOutput: null, score: () => Promise.reject(refused) }
  return {
    tabular: true,
    features: features.length,
    scoreOutput,
    async score(values, rows) {
      if (rows <= PART_ROWS) return await scorePart(values, rows)
      const scores = new Float32Array(rows)
      for (let from = 0; from < rows; from += PART_ROWS) {
        const count = Math.min(PART_ROWS, rows - from)
        scores.set(await scorePart(values.subarray(from * features.length, (from + count) * features.length), count), from)
      }
      return scores
    },
  }
}

type ScorePart = (values: Float32Array, rows: number) => Promise<Float32Array>

function partScoring({ inputs, infer }: Facts, features: readonly string[], scoreOutput: string | null, what: string): ScorePart {
  return async (values, rows) => {
    const answered = await infer(tensorsFromRows(inputs, features, values, rows), { outputs: scoreOutput === null ? [] : [scoreOutput] })
    const output = answered[0]
    const numbers = output && floatsFromTensor(output)
    const scores = numbers && scorePerRow(numbers, rows)
    if (scores) return scores
    throw new AppError(
      'unsupported',
      `${what} gives ${output ? `${output.datatype} [${output.shape.join(', ')}] as ${output.name}` : 'nothing'} for ${rows} rows; one score, or two class probabilities, a row are needed`,
    )
  }
}

function whyNot(inputs: readonly TensorSpec[], features: readonly string[], what: string): AppError | undefined {
  if (features.length === 0)
    return new AppError('unsupported', `${what} gives no score a row: it was registered without the names of its features`)
  if (rowForm(inputs, features)) return undefined
  const taken = inputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(', ')}]`).join(', ')
  return new AppError(
    'unsupported',
    `${what} gives no score a row: it takes ${taken.slice(0, 300)}, not rows of ${features.length} features`,
  )
}

/** Why a row of zeros gets no score from a model that answers; throws when it does not answer. */
async function refusedRow(scorePart: ScorePart, width: number): Promise<AppError | undefined> {
  try {
    await scorePart(new Float32Array(width), 1)
    return undefined
  } catch (error) {
    if (error instanceof AppError && (error.code === 'unsupported' || error.code === 'invalid')) return error
    throw error
  }
}
