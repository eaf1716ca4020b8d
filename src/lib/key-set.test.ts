import { expect, test } from 'vitest'
import { createKeySet } from './key-set.ts'
import { createRandom } from './random.ts'

test('integers and texts are new once, as a set of the language says', () => {
  const random = createRandom('keys')
  const set = createKeySet()
  const integers = new Set<string>()
  const texts = new Set<string>()
  let wrong = 0
  for (let i = 0; i < 300_000; i++) {
    const [low, high] = [random.int(400) - 200, random.int(400) - 200]
    if (set.addInteger(low, high) === integers.has(`${low}/${high}`)) wrong += 1
    integers.add(`${low}/${high}`)
    const text = `user-${random.int(150_000)}`
    if (set.addText(text) === texts.has(text)) wrong += 1
    texts.add(text)
  }
  expect(wrong).toBe(0)
  expect(set.size).toBe(integers.size + texts.size)
})

test('zero is a key like any other, and so are the empty text and texts that differ in order only', () => {
  const set = createKeySet()
  expect([set.addInteger(0, 0), set.addInteger(0, 0)]).toEqual([true, false])
  expect(['', '', 'ab', 'ba', 'ab', 'abab', 'aabb'].map((text) => set.addText(text))).toEqual([true, false, true, true, false, true, true])
})
