import { expect, test } from 'vitest'
import { AppError } from '../../contract/errors.ts'
import { createRandom, type Random } from '../../lib/random.ts'
import { createJsonRows } from '../../lib/tensors/json-rows.ts'
import type { Live } from '../../modules/serving/deployments/index.ts'
import { rowsFromTensors } from '../../modules/serving/deployments/rows.ts'
import { readInferRequest } from './http-request.ts'

// What the direct reading of bytes takes, it must take exactly as the general one does.

const FEATURES = 3
const live = { champion: { features: ['a', 'b', 'c'] } } as unknown as Live

/** What the general reading makes of a body: the rows, or undefined when it refuses it. */
function general(body: Uint8Array) {
  try {
    const { call, form } = readInferRequest(body, { headerLength: undefined, inputs: [], missingAllowed: true })
    const { count, values } = rowsFromTensors(live, call.inputs)
    return { call, form, rows: { id: call.id, actor: call.actor, source: call.source, count, values } }
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid') return undefined
    throw error
  }
}

function numberText(random: Random): string {
  const digits = () => Array.from({ length: 1 + random.int(22) }, () => random.int(10)).join('')
  const whole = () => (random.bernoulli(0.3) ? '0' : digits().replace(/^0+(?=\d)/, ''))
  return pick(random, [
    () => String(random.int(100)),
    () => String(random.normal() * 10 ** (random.int(60) - 30)),
    () => String(Math.fround(random.normal())),
    () => 'null',
    () => `${random.bernoulli(0.5) ? '-' : ''}${whole()}`,
    () => `${random.bernoulli(0.5) ? '-' : ''}${whole()}.${digits()}`,
    () => `${whole()}.${digits()}${pick(random, ['e', 'E'])}${pick(random, ['', '+', '-'])}${random.int(45)}`,
    () => pick(random, ['-0', '-0.0', '0e5', '1e400', '-1e400', '1e-400', '9007199254740993', '16777217', '0.1', '2147483648', '1e3']),
    // Not JSON, or not a number: both must leave it to the general reading.
    () => pick(random, ['01', '1.', '.5', '+1', '-', '1e', 'NaN', 'true', '"1"', '{}', 'nul', '0x1', '1_0', '']),
  ])()
}

function pick<T>(random: Random, all: readonly T[]): T {
  return all[random.int(all.length)]!
}

function bodyText(random: Random): string {
  const space = () => (random.bernoulli(0.2) ? pick(random, [' ', '\n', '\t', '\r', '  ', random.bernoulli(0.01) ? '\f' : '']) : '')
  const rows = random.bernoulli(0.05) ? 0 : 1 + random.int(3)
  const odd = random.bernoulli(0.05)
  const one = () =>
    random.bernoulli(0.02) ? numberText(random) : numberText(random).replace(/^(?!-?\d+(\.\d+)?([eE][+-]?\d+)?$|null$).*/, '7')
  const row = () => Array.from({ length: FEATURES }, () => `${space()}${one()}${space()}`).join(',')
  const lists = Array.from({ length: rows }, row)
  const data = random.bernoulli(0.5) ? `[${lists.join(',')}]` : `[${lists.map((list) => `[${list}]`).join(`${space()},`)}]`
  const shape = rows === 1 && random.bernoulli(0.3) ? [FEATURES] : [odd ? random.int(5) : rows, FEATURES]
  const text = () =>
    JSON.stringify(
      pick(random, [...new Array(60).fill('x'), 'features', 'é', 'a"b', 'tab\t', '', 'x'.repeat(128), 'x'.repeat(129), '\u2028', 'a\\']),
    )
  const tensor = shuffled(random, [
    `"name"${space()}:${text()}`,
    `"shape":${space()}[${shape.join(`,${space()}`)}]`,
    `"datatype":"${pick(random, [...new Array(9).fill('FP32'), 'FP64', 'FP64', 'INT32', 'INT64', 'UINT8', 'BYTES', 'fp32'])}"`,
    `"data"${space()}:${data}`,
    ...(random.bernoulli(0.05) ? [`"data":[]`] : []),
    ...(random.bernoulli(0.05) ? ['"parameters":{}'] : []),
  ])
  const fields = shuffled(random, [
    `"inputs":[${space()}{${tensor.join(`${space()},`)}}${space()}]`,
    ...(random.bernoulli(0.5) ? [`"id":${text()}`] : []),
    ...(random.bernoulli(0.3) ? [`"parameters":{${shuffled(random, [`"actor":${text()}`, `"source":${text()}`]).join(',')}}`] : []),
    ...(random.bernoulli(0.05) ? [`"outputs":[]`] : []),
    ...(random.bernoulli(0.05) ? [`"id":1`] : []),
    ...(random.bernoulli(0.03) ? [`"inputs":[]`] : []),
  ])
  return `${space()}{${fields.join(`,${space()}`)}}${space()}`
}

function shuffled<T>(random: Random, all: readonly T[]): T[] {
  return all
    .map((value) => ({ value, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}

test('on random requests the direct reading answers what the general one does, or leaves it to it', () => {
  const random = createRandom('json rows')
  const direct = createJsonRows()
  let taken = 0
  for (let i = 0; i < 30_000; i++) {
    const body = Buffer.from(bodyText(random))
    const rows = direct(body, FEATURES)
    if (!rows) continue
    taken += 1
    expect(general(body)?.rows, body.toString()).toEqual(rows)
  }
  expect(taken).toBeGreaterThan(5_000)
})

test('on requests with one byte changed, cut or doubled, too', () => {
  const random = createRandom('json rows, broken')
  const direct = createJsonRows()
  let taken = 0
  for (let i = 0; i < 30_000; i++) {
    const whole = Buffer.from(
      JSON.stringify({
        id: 'one',
        parameters: { actor: 'me' },
        inputs: [{ name: 'x', shape: [2, 3], datatype: 'FP32', data: [0.5, 1e-7, -3, null, 12.25, 7] }],
      }),
    )
    const at = random.int(whole.length)
    const body = pick(random, [
      () => whole.with(at, random.int(256)),
      () => whole.subarray(0, at),
      () => Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]),
      () => Buffer.concat([whole.subarray(0, at + 1), whole.subarray(at)]),
    ])()
    const rows = direct(body, FEATURES)
    if (!rows) continue
    taken += 1
    expect(general(body)?.rows, Buffer.from(body).toString()).toEqual(rows)
  }
  expect(taken).toBeGreaterThan(500)
})

test('the usual form is read directly', () => {
  const direct = createJsonRows()
  const body = { inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [[1, 2.5, null]] }], id: 'a' }
  expect(direct(Buffer.from(JSON.stringify(body)), 3)).toEqual({
    id: 'a',
    actor: '',
    source: '',
    count: 1,
    values: Float32Array.of(1, 2.5, Number.NaN),
  })
  expect(direct(Buffer.from(JSON.stringify(body)), 4)).toBeUndefined()
  const many = { inputs: [{ name: 'x', shape: [50_000, 3], datatype: 'FP64', data: new Array(150_000).fill(0.25) }] }
  expect(direct(Buffer.from(JSON.stringify(many, null, 1)), 3)!.values.every((value) => value === 0.25)).toBe(true)
})
