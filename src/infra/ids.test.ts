import { expect, test } from 'vitest'
import { createIds } from './ids.ts'

const at = (ms: { now: number }) => ({ now: () => ms.now, after: () => () => {} })

test('ids of one process sort in the order they were made, also within a millisecond and when the clock goes back', () => {
  const ms = { now: 1_750_000_000_000 }
  const ids = createIds(at(ms))
  const made = Array.from({ length: 2_000 }, (_, i) => {
    if (i % 500 === 499) ms.now += i < 1_000 ? 1 : -3
    return ids('x')
  })
  expect([...made].sort()).toEqual(made)
  expect(new Set(made).size).toBe(made.length)
})

test('counting up carries over', () => {
  const ids = createIds(at({ now: 0 }), () => new Uint8Array(16).fill(31))
  expect([ids('a'), ids('a')]).toEqual(['a_0000000000fzzzzzzzzzzzzzzz', 'a_0000000000g000000000000000'])
})

test('the time can be read back from its digits', () => {
  expect(createIds(at({ now: 1_469_918_176_385 }), () => new Uint8Array(16))('u')).toBe('u_01aryz6s410000000000000000')
})
