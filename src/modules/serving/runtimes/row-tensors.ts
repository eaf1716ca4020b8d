import { AppError } from '../../../contract/errors.ts'
import { type Datatype, emptyData, isDatatype, type Tensor, type TensorData, type TensorSpec } from '../../../lib/tensors/tensor.ts'

/**
 * How a model takes rows of features: as one matrix, or as one column a feature. Undefined when its inputs are neither.
 * A model that does not say what it takes is given one matrix of 32-bit floats.
 */
export function rowForm(inputs: readonly TensorSpec[], features: readonly string[]): 'matrix' | 'columns' | undefined {
  if (features.length === 0) return undefined
  const numeric = inputs.every(({ datatype }) => datatype !== 'BYTES' && isDatatype(datatype))
  if (!numeric) return undefined
  const [input] = inputs
  if (inputs.length === 1 && input!.shape.length === 2 && (input!.shape[1] === -1 || input!.shape[1] === features.length)) return 'matrix'
  const isColumn = ({ shape }: TensorSpec) => shape.length === 1 || (shape.length === 2 && shape[1] === 1)
  const named = new Map(inputs.map((one) => [one.name, one]))
  return inputs.length === features.length && features.every((name) => named.has(name)) && inputs.every(isColumn) ? 'columns' : undefined
}

/** Rows of floats, NaN = missing, as the tensors a model takes. Throws `invalid` where a column of whole numbers misses a value. */
export function tensorsFromRows(
  inputs: readonly TensorSpec[],
  features: readonly string[],
  values: Float32Array,
  rows: number,
): readonly Tensor[] {
  const width = features.length
  if (rowForm(inputs, features) === 'matrix') {
    const [{ name, datatype }] = inputs as [TensorSpec]
    return [{ name, datatype: datatype as Datatype, shape: [rows, width], data: numbersAs(datatype as Datatype, values, name) }]
  }
  const columns = new Map(features.map((name, column) => [name, column]))
  return inputs.map(({ name, datatype, shape }) => {
    const column = columns.get(name)!
    const numbers = Float32Array.from({ length: rows }, (_, row) => values[row * width + column]!)
    return {
      name,
      datatype: datatype as Datatype,
      shape: shape.length === 2 ? [rows, 1] : [rows],
      data: numbersAs(datatype as Datatype, numbers, name),
    }
  })
}

function numbersAs(datatype: Datatype, values: Float32Array, name: string): TensorData {
  if (datatype === 'FP32') return values
  if (datatype === 'FP64') return Float64Array.from(values)
  const missing = values.findIndex(Number.isNaN)
  if (missing >= 0)
    throw new AppError('invalid', `input ${name}: the model takes ${datatype}, which has no missing value; one of the rows has none`)
  if (datatype === 'INT64' || datatype === 'UINT64') {
    const wide = emptyData(datatype, values.length) as BigInt64Array
    for (let i = 0; i < values.length; i++) wide[i] = BigInt(Math.trunc(values[i]!))
    return wide
  }
  const data = emptyData(datatype as 'INT32', values.length) as Int32Array
  for (let i = 0; i < values.length; i++) data[i] = values[i]!
  return data
}
