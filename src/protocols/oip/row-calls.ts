import { elementsIn, type Tensor } from '../../lib/tensors/tensor.ts'
import type { Live } from '../../modules/serving/deployments/index.ts'
import type { InferCall } from './call.ts'

/**
 * One call for each row of a request, in order, for replies that are streamed. The rows are along the first dimension, where
 * every input has it in the same length and the model leaves it open; a request of anything else is one call.
 */
export function* rowCalls(live: Live, call: InferCall, id: string): Iterable<InferCall> {
  const count = rowsIn(live, call.inputs)
  if (count <= 1) {
    yield { ...call, id }
    return
  }
  for (let row = 0; row < count; row++) {
    const rowId = call.ids?.[row] ?? `${id}#${row}`
    yield { ...call, id: rowId, ids: undefined, inputs: call.inputs.map((input) => rowOf(input, row, count)) }
  }
}

function rowsIn({ champion: { features, model } }: Live, inputs: readonly Tensor[]): number {
  const count = inputs[0]!.shape[0] ?? 1
  if (inputs.some(({ shape }) => shape[0] !== count)) return 1
  if (!model.tabular) return model.inputs.every(({ shape }) => shape[0] === -1) ? count : 1
  const isOneRow = inputs.length === 1 && inputs[0]!.shape.length === 1 && inputs[0]!.name !== features[0]
  return isOneRow ? 1 : count
}

function rowOf({ shape, data, ...input }: Tensor, row: number, count: number): Tensor {
  const size = elementsIn(shape) / count
  return { ...input, shape: [1, ...shape.slice(1)], data: data.slice(row * size, (row + 1) * size) as Tensor['data'] }
}
