import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { findDataFaults } from './data-faults.ts'

const random = createRandom(1)
const celsius = Array.from({ length: 600 }, () => 15 + 6 * random.normal())
const drawn = () => Array.from({ length: 400 }, () => 15 + 6 * random.normal())
const faultOf = (column: number[], sources?: string[]) =>
  findDataFaults(['t'], [celsius], { columns: [column], ...(sources ? { sources } : {}) })

test.each([
  ['°C read as °F', (c: number) => 1.8 * c + 32, 'looks like °C read as °F'],
  ['kelvin', (c: number) => c + 273.15, 'looks like °C read as K'],
  ['a thousand', (c: number) => c * 1_000, 'is multiplied by a thousand'],
  ['a thousandth', (c: number) => c / 1_000, 'is divided by a thousand'],
  ['the sign', (c: number) => -c, 'is multiplied by −1: the sign turned'],
])('%s is told', (_, change, text) => {
  expect(faultOf(drawn().map(change))).toMatchObject([{ kind: 'unit', source: null, text: `t ${text}` }])
})

test('missing, stuck and out of range are told, in one source too', () => {
  expect(faultOf(drawn().map((c, i) => (i % 3 === 0 ? Number.NaN : c)))).toMatchObject([{ kind: 'missing' }])
  expect(faultOf(drawn().map(() => 7))).toMatchObject([{ kind: 'stuck', text: 't stands still at 7 in 100.0 % of rows' }])
  expect(faultOf(drawn().map((c, i) => (i % 4 === 0 ? 500 : c)))).toMatchObject([{ kind: 'out_of_range' }])
  const column = drawn()
  const sources = column.map((_, i) => (i % 8 === 0 ? 'till-3' : 'till-1'))
  expect(
    faultOf(
      column.map((c, i) => (i % 8 === 0 ? c * 100 : c)),
      sources,
    ),
  ).toMatchObject([{ source: 'till-3', text: expect.stringMatching(/in rows of till-3$/) }])
})

test('the end of a long tail is not the end of what is possible; its unit still is', () => {
  const tail = (rows: number, mean: number) => Array.from({ length: rows }, () => Math.exp(1 + random.normal() + mean))
  const faults = (column: number[]) => findDataFaults(['visits'], [tail(600, 0)], { columns: [column] })
  expect(faults(tail(400, 0).map((value, i) => (i % 4 === 0 ? 33 * value : value)))).toEqual([])
  expect(faults(tail(400, 0).map((value, i) => (i % 4 === 0 ? 1e6 : value)))).toMatchObject([{ kind: 'out_of_range' }])
  expect(faults(tail(400, 0).map((value) => 1_000 * value))).toMatchObject([{ kind: 'unit' }])
})

test('ordinary and shifted rows are no fault; nor is a small share of anything', () => {
  let faults = 0
  for (let run = 0; run < 60; run++) faults += faultOf(drawn()).length + faultOf(drawn().map((c) => c + 8)).length
  expect(faults).toBeLessThanOrEqual(1)
  expect(faultOf(drawn().map((c, i) => (i % 50 === 0 ? Number.NaN : c)))).toEqual([])
})

test('few rows, no rows and names that do not match', () => {
  expect(faultOf([1, 2, 3])).toEqual([])
  expect(faultOf([])).toEqual([])
  expect(() => findDataFaults([], [[1]], { columns: [[1]] })).toThrow('0 names do not match')
})
