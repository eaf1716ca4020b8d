import type { ModelVersion } from '../../../contract/model-record.ts'
import { servingTensors } from '../../../lib/model-files/signature.ts'

/**
 * The features of a version that is not ONNX, in the order of its columns: those given, else those of its signature: named
 * columns of numbers, or one matrix of numbers. Answers none for a model that takes anything else, and a note where the
 * names given are not those of the signature.
 */
export function featuresFromSignature(
  signature: ModelVersion['signature'],
  given: readonly string[] | undefined,
): { readonly features: string[]; readonly note?: string } {
  const inputs = signature?.inputs ?? []
  const tensors = servingTensors(inputs, 'input')
  if (tensors.length === 0) return { features: [...(given ?? [])] }
  if (tensors.some(({ datatype }) => datatype === 'BYTES')) {
    if (!given) return { features: [] }
    return { features: [], note: 'its signature has inputs that are no numbers: it is served by its own tensors, without features' }
  }
  const [{ shape }] = tensors as [(typeof tensors)[number]]
  if (tensors.length === 1 && shape.length === 2) {
    const width = shape[1]!
    if (given) return width === -1 || given.length === width ? { features: [...given] } : misnamed(given, `${width} columns`)
    return { features: Array.from({ length: Math.max(0, width) }, (_, column) => `x${column}`) }
  }
  const isColumns = inputs.every(({ name, shape }) => name !== null && shape === null)
  if (!isColumns) return { features: [] }
  const names = inputs.map(({ name }) => name!)
  if (!given) return { features: names }
  const same = given.length === names.length && given.every((name) => names.includes(name))
  return same ? { features: [...given] } : misnamed(given, `the columns ${names.slice(0, 10).join(', ')}`)
}

function misnamed(given: readonly string[], has: string) {
  return { features: [], note: `${given.length} features were named, but its signature has ${has}: it is served without features` }
}
