import { documents } from '../src/contract/documents.ts'
import { registry } from '../src/contract/registry.ts'
import { encodeModel } from '../src/lib/onnx/write-model.ts'
import type { Datatype } from '../src/lib/tensors/tensor.ts'
import { deployment, type World } from './world.ts'

/** The datatypes that an ONNX model can hold on this runtime. */
export const modelDatatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const satisfies readonly Datatype[]

/** A model that answers `y`, which is its input `x` unchanged: a matrix of any number of rows and columns. */
function identityModel(datatype: (typeof modelDatatypes)[number]): Uint8Array {
  const port = (name: string) => ({ name, datatype, shape: ['rows', 'columns'] })
  return encodeModel({
    producer: { name: 'test', version: '1' },
    opsets: [{ domain: '', version: 17 }],
    graphName: 'identity',
    inputs: [port('x')],
    outputs: [port('y')],
    nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
  })
}

/** Serves an identity model of each datatype as `identity-<datatype>`. */
export async function deployIdentities(client: World['admin']): Promise<void> {
  for (const datatype of modelDatatypes) {
    const name = `identity-${datatype.toLowerCase()}`
    const artifact = await client.call(registry.uploadArtifact, { body: identityModel(datatype) as never })
    await client.call(registry.registerVersion, { model: name, artifact: artifact.digest, alias: 'champion' })
    await client.call(documents.apply, { documents: [deployment(name)] })
  }
}
