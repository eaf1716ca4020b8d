import type { Datatype, Tensor } from '../../../lib/tensors/tensor.ts'
import { elementsIn, emptyData } from '../../../lib/tensors/tensor.ts'
import type { LoadedModel } from './model.ts'

const WARM_ROWS = [1, 8, 64]
const TIMED_RUNS = 5

/**
 * Runs a model before anybody waits for it: a tabular one with rows of zeros; another with zeros where every length but the
 * first is known. Answers the microseconds that one row takes, undefined for a model whose inputs cannot be made up.
 * Throws what the model throws.
 */
export async function warm(model: LoadedModel): Promise<number | undefined> {
  if (model.tabular) {
    for (const rows of WARM_ROWS) await model.score(new Float32Array(rows * model.features), rows)
    return await fastest(() => model.score(new Float32Array(model.features), 1))
  }
  if (model.inputs.some(({ shape }) => shape.slice(1).includes(-1))) return undefined
  const zeros = model.inputs.map(({ name, datatype, shape }) => zeroTensor(name, datatype as Datatype, shape))
  return await fastest(() => model.infer(zeros, { outputs: [] }))
}

function zeroTensor(name: string, datatype: Datatype, free: readonly number[]): Tensor {
  const shape = free.map((length) => (length === -1 ? 1 : length))
  const elements = elementsIn(shape)
  return { name, datatype, shape, data: datatype === 'BYTES' ? new Array(elements).fill(new Uint8Array(0)) : emptyData(datatype, elements) }
}

async function fastest(run: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < TIMED_RUNS; i++) {
    const startedMs = performance.now()
    await run()
    best = Math.min(best, (performance.now() - startedMs) * 1_000)
  }
  return best
}
