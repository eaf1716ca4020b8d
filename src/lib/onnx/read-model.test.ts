import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { bytesField, joined, messageField, textField, varintField } from '../protobuf/wire-writer.ts'
import { createRandom } from '../random.ts'
import { writtenModels } from './fixtures/models.ts'
import recorded from './fixtures/recorded.json' with { type: 'json' }
import { readModel } from './read-model.ts'

const foreign = Object.fromEntries(recorded.foreign.map(({ name, model }) => [name, new Uint8Array(Buffer.from(model, 'base64'))]))

function facts(bytes: Uint8Array) {
  const { initializers, customOperators, operators, externalFiles, ...rest } = readModel(bytes)
  expect(customOperators.length).toBeLessThanOrEqual(operators.length)
  const rows = operators.map(({ domain, name, count }) => [domain, name, count])
  return { ...rest, operators: rows, initializers: initializers.count, externalFiles: [...externalFiles].sort() }
}

test.each(recorded.foreign)('reads $name as the official package does', ({ name, summary }) => {
  expect(facts(foreign[name]!)).toEqual(summary)
})

test.each(recorded.written)('what we write of $name is what the official checker passed', ({ name, sha256, summary }) => {
  const bytes = writtenModels()[name]!
  expect(facts(bytes)).toEqual(summary)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
})

test('operators of unknown domains and files outside are named', () => {
  expect(readModel(foreign.custom!).customOperators).toEqual([{ domain: 'com.example.rockets', name: 'Launch', count: 1 }])
  expect(readModel(foreign.external!).externalFiles).toEqual(['../../etc/passwd'])
  expect(readModel(foreign.shadowed!).initializers).toEqual({ count: 1, bytes: 24 })
})

const output = messageField(12, [textField(1, 'y')])
const model = (...graph: ReturnType<typeof textField>[]) =>
  joined([varintField(1, 8), messageField(7, graph), messageField(8, [varintField(2, 17)])])

/** A graph that holds a node that holds a graph, and so on. */
function nested(depth: number): ReturnType<typeof textField> {
  let graph = output
  for (let i = 0; i < depth; i++) graph = messageField(1, [textField(4, 'If'), messageField(5, [messageField(6, [graph])])])
  return graph
}

test('a file that is not a model is refused with the reason', () => {
  const refused = (bytes: Uint8Array, reason: string | RegExp) =>
    expect(() => readModel(bytes, { maxFields: 10_000, maxBytes: 1e6 })).toThrow(reason)
  refused(new Uint8Array(), 'the file is empty')
  refused(new TextEncoder().encode('<!doctype html><html>'), /not a readable ONNX model/)
  refused(new Uint8Array(1e6 + 1), 'the limit is 1000000')
  refused(joined([varintField(1, 8), messageField(8, [])]), 'it has no graph')
  refused(joined([messageField(7, [])]), 'IR version 0 is not supported')
  refused(joined([varintField(1, 8), messageField(7, [output])]), 'imports no operator set')
  refused(model(), 'has no output')
  refused(model(messageField(1, [textField(7, 'x')]), output), 'names no operator')
  refused(joined([varintField(7, 8)]), 'should be a message')
  refused(joined([textField(1, 'x')]), 'should be a number')
  refused(joined([bytesField(2, Uint8Array.of(0xff, 0xfe))]), 'is not UTF-8')
  refused(joined([textField(2, 'x'.repeat(5_000))]), 'is longer than 4096')
  refused(model(nested(17)), 'nested more than 16 deep')
  refused(joined(Array.from({ length: 10_001 }, () => varintField(1, 8))), 'too many fields')
  refused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), 'runs beyond the end')
  refused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), 'negative length')
  refused(Uint8Array.of(0x08, 0x80), 'cut off')
  refused(Uint8Array.of(0x08, ...new Array<number>(11).fill(0x80)), 'more than 10 bytes')
  refused(Uint8Array.of(0x0b), 'unknown wire type 3')
  refused(Uint8Array.of(0x00, 0x00), 'there is no field 0')
  expect(readModel(model(nested(16), output)).subgraphs).toBe(16)
})

test('no truncation and no flipped bit does worse than a RangeError', () => {
  const random = createRandom('damage')
  for (const whole of [...Object.values(foreign), ...Object.values(writtenModels())]) {
    for (let i = 0; i < 400; i++) {
      const damaged = whole.slice(0, random.bernoulli(0.3) ? random.int(whole.length) : whole.length)
      if (damaged.length > 0) damaged[random.int(damaged.length)]! ^= 1 << random.int(8)
      try {
        readModel(damaged)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RangeError)
      }
    }
  }
})
