import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { findSubgroups, type GroupingColumn } from './subgroups.ts'

function world(seed: number, rows: number, wrongAt: (x: number, z: number, source: string) => number) {
  const random = createRandom(seed)
  const x = Array.from({ length: rows }, () => random.normal())
  const z = Array.from({ length: rows }, (_, i) => (i % 20 === 0 ? Number.NaN : random.normal()))
  const source = x.map(() => `s${random.int(5)}`)
  const other = Array.from({ length: 8 }, (_, f) => ({ name: `n${f}`, kind: 'numeric' as const, values: x.map(() => random.normal()) }))
  const columns: GroupingColumn[] = [
    { name: 'x', kind: 'numeric', values: x },
    { name: 'z', kind: 'numeric', values: z },
    { name: 'source', kind: 'category', values: source },
    ...other,
  ]
  return { columns, outcome: x.map((own, i) => Number(random.bernoulli(wrongAt(own, z[i]!, source[i]!)))) }
}

test('a planted conjunction is found, in its shortest words', () => {
  let found = 0
  for (let seed = 0; seed < 10; seed++) {
    const { columns, outcome } = world(seed, 4_000, (x, _, source) => (source === 's2' && x > 0.3 ? 0.5 : 0.1))
    const [best] = findSubgroups(columns, outcome, { random: createRandom(seed) })
    const named = best?.conditions.map(({ column }) => column).sort()
    if (JSON.stringify(named) === '["source","x"]' && best!.effect > 0.2) found++
  }
  expect(found).toBeGreaterThanOrEqual(9)
})

test('one condition is not made two', () => {
  let short = 0
  for (let seed = 0; seed < 10; seed++) {
    const { columns, outcome } = world(seed, 4_000, (_x, _z, source) => (source === 's2' ? 0.5 : 0.1))
    const found = findSubgroups(columns, outcome, { random: createRandom(seed) })
    if (JSON.stringify(found[0]?.conditions) === '[{"column":"source","kind":"is","value":"s2"}]' && found.length === 1) short++
  }
  expect(short).toBeGreaterThanOrEqual(9)
})

test('a missing value is a condition', () => {
  const { columns, outcome } = world(3, 4_000, (_, z) => (Number.isNaN(z) ? 0.6 : 0.1))
  const [best] = findSubgroups(columns, outcome, { random: createRandom(1) })
  expect(best).toMatchObject({ conditions: [{ column: 'z', kind: 'missing' }] })
  expect(best!.text).toContain('z is missing: ')
})

test('where nothing is wrong with any subgroup, one is named no more often than stated', () => {
  let named = 0
  for (let seed = 0; seed < 60; seed++) {
    const { columns, outcome } = world(1_000 + seed, 800, () => 0.2)
    if (findSubgroups(columns, outcome, { random: createRandom(seed), alpha: 0.05 }).length > 0) named++
  }
  // 3 expected at most; 9 would come by chance once in 300.
  expect(named).toBeLessThanOrEqual(8)
})

test('no rows, equal outcomes and columns that do not match', () => {
  const options = { random: createRandom(1) }
  expect(findSubgroups([], [], options)).toEqual([])
  expect(findSubgroups([{ name: 'a', kind: 'numeric', values: new Array(500).fill(1) }], new Array(500).fill(1), options)).toEqual([])
  expect(findSubgroups([{ name: 'a', kind: 'numeric', values: [1] }], [Number.POSITIVE_INFINITY], options)).toEqual([])
  expect(() => findSubgroups([{ name: 'a', kind: 'category', values: ['x'] }], [], options)).toThrow('column a has 1 rows')
})
