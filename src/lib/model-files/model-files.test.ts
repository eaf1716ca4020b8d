import { describe, expect, test } from 'vitest'
import { readLightgbm, readXgboost } from './boosted-trees.ts'
import { describeModelFolder, type LookedAt } from './describe-folder.ts'
import { recordedFile } from './fixtures/recorded.ts'
import { readGguf } from './gguf.ts'
import { readMlmodel } from './mlmodel.ts'
import { recognise, whyUnsafe } from './recognise.ts'
import { readSafetensors, safetensorsHeaderEnd } from './safetensors.ts'
import { type Signature, servingTensors } from './signature.ts'

const problem = { problem: expect.any(String) }
/** Every reader must come to an end with facts or a problem, never with anything thrown. */
function survives(read: (bytes: Uint8Array) => object, file: Buffer): void {
  for (let cut = 0; cut < file.length; cut += Math.max(1, Math.floor(file.length / 150)))
    expect(read(file.subarray(0, cut))).toBeTypeOf('object')
  for (let at = 0; at < file.length; at += Math.max(1, Math.floor(file.length / 300)))
    for (const flip of [0x01, 0x80, 0xff]) {
      const spoilt = Buffer.from(file)
      spoilt[at]! ^= flip
      expect(read(spoilt)).toBeTypeOf('object')
    }
}

describe('safetensors', () => {
  const file = recordedFile('model.safetensors')
  const make = (header: object | string, dataBytes: number, claimed?: bigint) => {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(claimed ?? BigInt(text.length))
    return Buffer.concat([length, text, Buffer.alloc(dataBytes)])
  }
  const read = (bytes: Uint8Array) => readSafetensors(bytes, bytes.length)

  test('tells tensors, parameters, types and metadata', () => {
    expect(read(file)).toEqual({ tensors: 3, parameters: 10, types: { I64: 1, F32: 1, F16: 1 }, metadata: { format: 'np' } })
    expect(safetensorsHeaderEnd(file.subarray(0, 8), file.length)).toEqual({ bytes: 8 + 0xe0 })
    survives(read, file)
  })

  const f32 = (from: number, to: number, shape = [(to - from) / 4]) => ({ dtype: 'F32', shape, data_offsets: [from, to] })
  test.each([
    ['a header that claims more than the format allows', make('{}', 0, 100_000_001n), /claims 100000001 bytes/],
    ['a header longer than the file', make('{}', 0, 99n), /the whole file has/],
    ['a length beyond all numbers', make('{}', 0, 2n ** 64n - 1n), /beyond all reason/],
    ['a gap before the first tensor', make({ a: f32(4, 8) }, 8), /gap/],
    ['a gap between tensors', make({ a: f32(0, 4), b: f32(8, 12) }, 12), /gap/],
    ['bytes no tensor names', make({ a: f32(0, 4) }, 8), /the file holds 8/],
    ['overlapping tensors', make({ a: f32(0, 8), b: f32(4, 12) }, 12), /overlap/],
    ['a tensor beyond the file', make({ a: f32(0, 8) }, 4), /the file holds 4/],
    ['a shape that does not fill its bytes', make({ a: f32(0, 8, [3]) }, 8), /do not fill/],
    ['a shape beyond all memory', make({ a: f32(0, 8, [2 ** 52, 2 ** 52]) }, 8), /do not fill/],
    ['a type nobody knows', make({ a: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } }, 4), /no readable type/],
    ['sizes below nothing', make({ a: { dtype: 'U8', shape: [-1, -4], data_offsets: [0, 4] } }, 4), /no readable type/],
    ['a header that is no object', make('[1]', 0), /no JSON object/],
    ['a header that is no JSON', make('{"a"', 0), /no JSON/],
    ['a header nested beyond all depth', make(`{"a":${'['.repeat(200_000)}`, 0), /no JSON/],
    ['nothing at all', Buffer.alloc(0), /ends within/],
  ])('%s is a problem', (_name, bytes, message) => {
    expect(read(bytes)).toEqual({ problem: expect.stringMatching(message) })
  })
})

describe('GGUF', () => {
  const file = recordedFile('model.gguf')

  test('tells architecture, context, tensors and their types', () => {
    expect(readGguf(file)).toEqual({
      tensors: 2,
      parameters: 64,
      types: { F32: 1, F16: 1 },
      complete: true,
      metadata: {
        'general.architecture': 'llama',
        'general.name': 'tiny',
        'general.file_type': 0,
        'llama.context_length': 128,
        'llama.block_count': 1,
      },
    })
    survives(readGguf, file)
  })

  test('tells what is at hand of a header that is cut off', () => {
    expect(readGguf(file.subarray(0, 120))).toMatchObject({ complete: false, metadata: { 'general.architecture': 'llama' } })
  })

  const header = (version: number, tensors: bigint, entries: bigint, ...rest: Buffer[]) => {
    const head = Buffer.alloc(24)
    head.write('GGUF')
    head.writeUInt32LE(version, 4)
    head.writeBigUInt64LE(tensors, 8)
    head.writeBigUInt64LE(entries, 16)
    return Buffer.concat([head, ...rest])
  }
  const lists = Buffer.concat(
    Array.from({ length: 20 }, () => {
      const list = Buffer.alloc(12)
      list.writeUInt32LE(9)
      list.writeBigUInt64LE(1n, 4)
      return list
    }),
  )
  const key = Buffer.from('\x01\0\0\0\0\0\0\0k\x09\0\0\0', 'latin1')
  test.each([
    ['another magic number', Buffer.from('GGML0000'), /does not begin/],
    ['a version nobody knows', header(9, 0n, 0n), /version 9/],
    ['more tensors than there can be', header(3, 2n ** 40n, 0n), /claims/],
    ['lists in lists', header(3, 0n, 1n, key, lists), /without end/],
  ])('%s is a problem', (_name, bytes, message) => {
    expect(readGguf(bytes)).toEqual({ problem: expect.stringMatching(message) })
  })
})

describe('boosted trees', () => {
  const features = ['age', 'amount', 'hour']

  test('LightGBM tells version, objective, features and trees', () => {
    const file = recordedFile('model.lgb')
    expect(readLightgbm(file)).toEqual({ version: 'v4', objective: 'binary', features, classes: 1, trees: 2 })
    survives(readLightgbm, file)
  })

  test.each(['xgboost.json', 'xgboost.ubj'] as const)('%s tells the same of itself', (name) => {
    const file = recordedFile(name)
    expect(readXgboost(file)).toEqual({ version: '3.2.0', objective: 'multi:softprob', features, classes: 3, trees: 3 })
    survives(readXgboost, file)
  })

  const binary = (text: string) => Buffer.from(text, 'latin1')
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['JSON of something else', Buffer.from('{"learner":{}}')],
    ['JSON that inherits', Buffer.from('{"learner":{"__proto__":{"learner_model_param":{},"objective":{"name":"x"}}}}')],
    ['feature names that are no names', Buffer.from('{"learner":{"feature_names":[1],"learner_model_param":{},"objective":{"name":"x"}}}')],
    ['JSON nested beyond all depth', Buffer.from('{"learner":'.repeat(200_000))],
    ['binary nested beyond all depth', binary(`{i\x01a${'['.repeat(10_000)}`)],
    ['a list of more nothings than memory holds', binary('{i\x01a[$Z#L\x00\x00\x00\xff\xff\xff\xff\xff')],
    ['a length below nothing', binary('{i\xff')],
    ['a length that is no whole number', binary('{i\x01aSd\x00\x00\x00\x00')],
    ['a type without a count', binary('{i\x01a[$i]')],
    ['a type nobody knows', binary('{i\x01a?')],
  ])('%s is a problem', (_name, bytes) => {
    expect(readXgboost(bytes)).toEqual(problem)
  })

  test('what only begins like LightGBM is a problem', () => {
    for (const text of ['', 'tree', 'tree\nversion=v4\n', 'tree\nversion=v4\nfeature_names=a\n\n', 'tree\nnum_class=1\n\n'])
      expect(readLightgbm(Buffer.from(text))).toEqual(problem)
  })
})

const mlmodel = (signature: string) => `flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
  sklearn:
    code: null
    pickled_model: model.pkl
    sklearn_version: 1.9.1
mlflow_version: 3.17.2
model_id: m-0a1b
model_uuid: 829f08bc36294bcb96878996fff8fb37
run_id: 5f3a
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  type: dataframe
${signature}utc_time_created: '2026-11-22 17:27:12.081703'
`
const columns = `signature:
  inputs: '[{"type": "long", "name": "age", "required": true}, {"type": "string", "name": "name", "required": false},
    {"type": "array", "items": {"type": "double"}, "name": "history", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
  params: '[{"name": "threshold", "default": 0.5, "shape": null, "type": "double"}]'
`

describe('MLmodel', () => {
  const read = (text: string) => readMlmodel(Buffer.from(text))

  test('tells flavors, signature, example and where it comes from', () => {
    expect(read(mlmodel(columns))).toEqual({
      flavors: {
        python_function: { loader_module: 'mlflow.sklearn', model_path: 'model.pkl' },
        sklearn: { pickled_model: 'model.pkl', sklearn_version: '1.9.1' },
      },
      signature: {
        inputs: [
          { name: 'age', type: 'long', elementType: null, shape: null, required: true },
          { name: 'name', type: 'string', elementType: null, shape: null, required: false },
          { name: 'history', type: 'array', elementType: 'double', shape: null, required: true },
        ],
        outputs: [{ name: null, type: 'tensor', elementType: 'float32', shape: [-1, 2], required: true }],
        parameters: [{ name: 'threshold', type: 'double', default: 0.5, shape: null }],
      },
      inputExample: { path: 'input_example.json', type: 'dataframe' },
      runId: '5f3a',
      modelId: 'm-0a1b',
      modelUuid: '829f08bc36294bcb96878996fff8fb37',
      mlflowVersion: '3.17.2',
      createdAt: '2026-11-22 17:27:12.081703',
    })
    survives((bytes) => readMlmodel(bytes), Buffer.from(mlmodel(columns)))
  })

  test('without a signature there is none, and its fields become tensors to serve', () => {
    expect(read(mlmodel(''))).toMatchObject({ signature: null })
    const { signature } = read(mlmodel(columns)) as { signature: Signature }
    expect([...servingTensors(signature.inputs, 'input'), ...servingTensors(signature.outputs, 'output')]).toEqual([
      { name: 'age', datatype: 'INT64', shape: [-1] },
      { name: 'name', datatype: 'BYTES', shape: [-1] },
      { name: 'history', datatype: 'BYTES', shape: [-1, -1] },
      { name: 'output-0', datatype: 'FP32', shape: [-1, 2] },
    ])
  })

  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'.replaceAll(/./g, (name, at: number) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]}`).join(',')}]\n`)}flavors: *i`
  test.each([
    ['nothing', ''],
    ['a list', '- a'],
    ['no flavors', 'run_id: x'],
    ['no YAML', 'flavors: {'],
    ['aliases that multiply', bomb],
    ['nesting beyond all depth', `flavors: ${'['.repeat(100_000)}`],
    ['more names than a description has', `flavors:\n${Array.from({ length: 100_000 }, (_, i) => `  k${i}: 1\n`).join('')}`],
    ['a signature that is no JSON', mlmodel("signature: {inputs: 'no'}\n")],
    ['a signature of something else', mlmodel("signature: {inputs: '[1]'}\n")],
    ['a field without a type', mlmodel(`signature: {inputs: '[{"name":"a"}]'}\n`)],
    ['more than a description holds', `flavors: {a: {b: "${'x'.repeat(5 << 20)}"}}`],
  ])('%s is a problem', (_name, text) => {
    expect(read(text)).toEqual(problem)
  })
})

describe('files', () => {
  test.each([
    ['model.safetensors', recordedFile('model.safetensors'), 'safetensors'],
    ['model.gguf', recordedFile('model.gguf'), 'gguf'],
    ['model.txt', recordedFile('model.lgb'), 'lightgbm'],
    ['model.json', recordedFile('xgboost.json'), 'xgboost'],
    ['model.ubj', recordedFile('xgboost.ubj'), 'xgboost'],
    ['protocol-2.bin', recordedFile('protocol-2.pkl'), 'torch'],
    ['noname', recordedFile('protocol-4.pkl'), 'pickle'],
    ['noname', recordedFile('protocol-5.pkl'), 'pickle'],
    ['a/plain.joblib', recordedFile('plain.joblib'), 'pickle'],
    ['packed.joblib.gz', recordedFile('packed.joblib'), 'pickle'],
    ['model.onnx', Buffer.from('\x08\n\x12\x08skl2onnx', 'latin1'), 'onnx'],
    ['weights.pt', Buffer.from('PK\x03\x04....', 'latin1'), 'torch'],
    ['model.skops', Buffer.from('PK\x03\x04....', 'latin1'), 'skops'],
    ['model.h5', Buffer.from('\x89HDF\r\n', 'latin1'), 'keras'],
    ['bomb.zip', Buffer.from('PK\x03\x04....', 'latin1'), 'archive'],
    ['x.onnx', Buffer.from('PK\x03\x04....', 'latin1'), 'archive'],
    ['bomb.gz', Buffer.from('\x1f\x8b\x08', 'latin1'), 'archive'],
    ['x.tar', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0')]), 'archive'],
    ['empty', Buffer.alloc(0), 'other'],
    ['readme.md', Buffer.from('# hello'), 'other'],
    ['config.json', Buffer.from('{"a":1}'), 'other'],
  ] as const)('%s is recognised', (name, bytes, kind) => {
    expect(recognise(name, bytes)).toBe(kind)
  })

  test('what runs code when it is loaded says why', () => {
    expect((['pickle', 'torch', 'keras'] as const).map((kind) => typeof whyUnsafe(kind))).toEqual(['string', 'string', 'string'])
    expect((['onnx', 'safetensors', 'gguf', 'skops', 'other'] as const).map(whyUnsafe)).toEqual(Array(5).fill(undefined))
  })
})

describe('a folder', () => {
  const file = (path: string, kind: LookedAt['kind'], more: Partial<LookedAt> = {}): LookedAt => ({
    path,
    kind,
    digest: 'ab'.repeat(32),
    sizeBytes: 10,
    ...more,
  })

  test('is described by its MLmodel file and by what its files are', () => {
    const described = describeModelFolder(
      [file('MLmodel', 'other'), file('model.pkl', 'pickle'), file('input_example.json', 'other')],
      Buffer.from(mlmodel(columns)),
    )
    expect(described).toMatchObject({
      format: 'pickle',
      flavors: { sklearn: { sklearn_version: '1.9.1' } },
      signature: { inputs: [{ name: 'age' }, {}, {}] },
      inputExample: { path: 'input_example.json', type: 'dataframe' },
      onnxFile: null,
      unsafe: [{ path: 'model.pkl', reason: expect.stringContaining('pickle') }],
      problems: [],
      runId: '5f3a',
      files: 3,
      sizeBytes: 30,
    })
  })

  test('with one ONNX file has it, with two has neither', () => {
    expect(describeModelFolder([file('model.onnx', 'onnx')], undefined)).toMatchObject({ format: 'onnx', onnxFile: { path: 'model.onnx' } })
    expect(describeModelFolder([file('a.onnx', 'onnx'), file('b.onnx', 'onnx')], undefined)).toMatchObject({
      format: 'onnx',
      onnxFile: null,
    })
  })

  test('sums its files of weights, and names what is not what it should be', () => {
    const weights = { tensors: 2, parameters: 10, types: { F16: 2 }, metadata: {} }
    const described = describeModelFolder(
      [
        file('a.safetensors', 'safetensors', { weights }),
        file('b.safetensors', 'safetensors', { weights }),
        file('c.safetensors', 'safetensors', { problem: 'a gap' }),
      ],
      Buffer.from('no: flavors'),
    )
    expect(described).toMatchObject({
      format: 'safetensors',
      weights: { tensors: 4, parameters: 20, types: { F16: 4 } },
      problems: [
        { path: 'MLmodel', problem: 'the file names no flavors' },
        { path: 'c.safetensors', problem: 'a gap' },
      ],
    })
    expect(describeModelFolder([file('x.zip', 'archive')], undefined).format).toBe('archive')
    expect(describeModelFolder([file('x.txt', 'other')], undefined).format).toBe('unknown')
  })
})
