import { describe, expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { type Aggregate, createKeyedWindow, createLastValues } from './keyed-windows.ts'

const shape = { sizeMs: 1_000, panes: 10, aggregate: 'sum', mostKeys: 100 } as const

/** The same by its definition: every event is kept and every question reads them all. */
function byDefinition(
  events: readonly { key: string; timeMs: number; value: number }[],
  aggregate: Aggregate,
  sizeMs: number,
  panes: number,
) {
  const paneMs = sizeMs / panes
  return (key: string, timeMs: number): number => {
    const last = Math.floor(timeMs / paneMs)
    const seen = events
      .filter((one) => one.key === key && Math.floor(one.timeMs / paneMs) <= last && Math.floor(one.timeMs / paneMs) > last - panes)
      .map(({ value }) => value)
    const sum = seen.reduce((total, value) => total + value, 0)
    if (aggregate === 'count') return seen.length
    if (aggregate === 'sum') return sum
    if (seen.length === 0) return Number.NaN
    return aggregate === 'mean' ? sum / seen.length : aggregate === 'min' ? Math.min(...seen) : Math.max(...seen)
  }
}

describe.each(['count', 'sum', 'mean', 'min', 'max'] as const)('%s', (aggregate) => {
  test.each([1, 10])('of %i panes is what its definition says, for events out of order and after expiry', (panes) => {
    const random = createRandom(`windows ${aggregate} ${panes}`)
    const window = createKeyedWindow({ ...shape, panes, aggregate })
    const events: { key: string; timeMs: number; value: number }[] = []
    const expected = byDefinition(events, aggregate, shape.sizeMs, panes)
    let latest = 50_000
    for (let i = 0; i < 3_000; i++) {
      latest += random.int(40)
      const timeMs = latest - random.int(300)
      const key = `k${random.int(5)}`
      const value = random.int(1_000)
      events.push({ key, timeMs, value })
      window.add(key, timeMs, value)
      window.trim(key, latest - 300)
      window.expire(latest - 300)
      const asked = `k${random.int(5)}`
      const at = latest - random.int(300)
      expect([i, window.value(asked, at)]).toEqual([i, expected(asked, at)])
    }
    expect(window.size()).toBeLessThanOrEqual(5)
  })
})

test('what was saved piece by piece is the same after it was restored', () => {
  const random = createRandom('saved windows')
  const window = createKeyedWindow(shape)
  const saved = new Map<string, string>()
  for (let i = 0; i < 500; i++) {
    window.add(`k${random.int(30)}`, 10_000 + i * 10, random.int(9))
    window.expire(10_000 + i * 10)
    if (i % 7 === 0) for (const [key, body] of window.takeChanges()) body === null ? saved.delete(key) : saved.set(key, body)
  }
  for (const [key, body] of window.takeChanges()) body === null ? saved.delete(key) : saved.set(key, body)
  const restored = createKeyedWindow(shape)
  restored.restore(saved)
  for (let k = 0; k < 30; k++) expect(restored.value(`k${k}`, 15_000)).toBe(window.value(`k${k}`, 15_000))
  expect(restored.size()).toBe(window.size())
  expect(window.takeChanges().size).toBe(0)
})

test('beyond its keys the one that was quiet for longest is forgotten, and counted', () => {
  const window = createKeyedWindow({ ...shape, mostKeys: 2 })
  window.add('a', 1, 1)
  window.add('b', 1, 1)
  window.add('a', 2, 1)
  window.takeChanges()
  window.add('c', 3, 1)
  expect(window.value('b', 3)).toBe(0)
  expect(window.value('a', 3)).toBe(2)
  expect(window.evicted()).toBe(1)
  expect(window.takeChanges().get('b')).toBeNull()
})

test('the last value of a key, bounded, saved and restored', () => {
  const store = createLastValues(2)
  expect(store.get('a')).toBeNaN()
  store.set('a', 1)
  store.set('b', 2)
  store.set('a', 3)
  store.set('c', 4)
  expect([store.get('a'), store.get('b'), store.get('c'), store.evicted()]).toEqual([3, Number.NaN, 4, 1])
  const restored = createLastValues(2)
  restored.restore([...store.takeChanges()].filter((change): change is [string, string] => change[1] !== null))
  expect([restored.get('a'), restored.get('c')]).toEqual([3, 4])
})
