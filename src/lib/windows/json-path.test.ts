import { expect, test } from 'vitest'
import { parseJsonPath, valueAt } from './json-path.ts'

const event = { id: 'e', order: { items: [{ price: 3 }, { price: 4 }], 'unit-count': 0 }, none: null }

test.each([
  ['$.id', 'e'],
  ['id', 'e'],
  ['order.items[1].price', 4],
  ['$.order.items[1].price', 4],
  ['order.unit-count', 0],
  ['none', null],
  ['none.deeper', undefined],
  ['order.items[2].price', undefined],
  ['id.length', undefined],
  ['toString', undefined],
  ['order.items.length', 2],
])('%s', (path, value) => {
  expect(valueAt(event, parseJsonPath(path))).toEqual(value)
})
