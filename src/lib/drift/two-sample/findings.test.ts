import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { categoryFindings, columnFindings, missingFinding, numericFindings, schemaFindings } from './findings.ts'

const normals = (seed: number, n: number) => {
  const random = createRandom(seed)
  return Array.from({ length: n }, () => random.normal())
}
const rest = { pValue: expect.any(Number), text: expect.any(String) }

test('a column that is as it was has no findings', () => {
  for (let seed = 0; seed < 20; seed++)
    expect(columnFindings({ feature: 'x', reference: normals(seed, 500), current: normals(seed + 100, 300) }, { alpha: 0.0005 })).toEqual(
      [],
    )
})

test('missing values are found when there are more of them, or fewer', () => {
  const holes = (share: number, n: number) => normals(1, n).map((value, i) => (i < share * n ? null : value))
  const more = columnFindings({ feature: 'x', reference: holes(0.02, 500), current: holes(0.2, 200) })
  expect(more).toEqual([{ kind: 'missing_share', feature: 'x', share: 0.2, ...rest }])
  expect(more[0]!.text).toBe('20 % of the values are missing, 2 % in the reference')
  expect(columnFindings({ feature: 'x', reference: holes(0.3, 500), current: holes(0, 200) })).toMatchObject([
    { kind: 'missing_share', share: 0 },
  ])
  expect(columnFindings({ feature: 'x', reference: holes(0.1, 500), current: holes(0.11, 200) })).toEqual([])
  expect(missingFinding('x', 0, 0, 10, 5)).toEqual([])
})

test('values outside the reference’s range are found with an exact probability', () => {
  const reference = normals(1, 300)
  const high = numericFindings({ feature: 'x', reference, current: [...normals(2, 97), 50, 60, 70] }, { alpha: 0.05 })
  expect(high).toMatchObject([{ kind: 'above_range', share: 0.03 }])
  // All three greatest of 400 rows among the 100 current ones.
  expect(high[0]!.pValue).toBeCloseTo((100 / 400) * (99 / 399) * (98 / 398), 12)
  expect(numericFindings({ feature: 'x', reference, current: [...normals(2, 90), -9, -9, -9, -9, -9] })).toMatchObject([
    { kind: 'below_range' },
  ])
  expect(numericFindings({ feature: 'x', reference, current: [...normals(2, 99), 50] })).toEqual([])
})

test('the probability of leaving the range is that of simulation', () => {
  const random = createRandom(8)
  let beyond = 0
  for (let run = 0; run < 20_000; run++) {
    const draws = Array.from({ length: 30 }, () => random.next())
    const greatest = Math.max(...draws.slice(0, 20))
    if (draws.slice(20).filter((value) => value > greatest).length >= 2) beyond++
  }
  const [found] = numericFindings(
    { feature: 'x', reference: Array.from({ length: 20 }, (_, i) => i), current: [5, 6, 7, 8, 9, 10, 11, 12, 30, 40] },
    { alpha: 0.5 },
  )
  expect(beyond / 20_000).toBeCloseTo(found!.pValue!, 2)
  expect(found!.pValue).toBeCloseTo((10 / 30) * (9 / 29), 12)
})

test('new and vanished categories are named', () => {
  const times = (name: string, n: number) => new Array<string>(n).fill(name)
  const found = categoryFindings({
    feature: 'country',
    reference: [...times('de', 500), ...times('at', 300), ...times('li', 1)],
    current: [...times('de', 190), ...times('xx', 10)],
  })
  expect(found).toMatchObject([
    {
      kind: 'new_category',
      share: 0.05,
      text: expect.stringMatching(/^category "xx" has 5 % of the rows; the reference of 801 rows never showed it, so less than 0.57 %/),
    },
    { kind: 'vanished_category', text: 'category "at" is gone; it had 37 % of the rows' },
  ])
  const many = Array.from({ length: 30 }, (_, i) => `id${i}`)
  const flood = categoryFindings({ feature: 'id', reference: times('a', 50), current: [...many, ...times('a', 20)] })
  expect(flood).toHaveLength(21)
  expect(flood.at(-1)).toMatchObject({ kind: 'new_category', share: 0.2, text: '10 more new categories have 20 % of the rows' })
})

test('numbers that became text, whole numbers that became fractions, and a value that got stuck are found', () => {
  const whole = Array.from({ length: 200 }, (_, i) => i % 17)
  expect(
    columnFindings({ feature: 'age', reference: whole, current: [...whole.slice(0, 150), ...new Array(50).fill('unknown')] }),
  ).toMatchObject([{ kind: 'type_change', share: 0.25, text: '25 % of the values are of type text; in the reference all were number' }])
  expect(columnFindings({ feature: 'age', reference: whole, current: whole.map((value) => value * 0.9) })).toMatchObject([
    { kind: 'fractions' },
  ])
  const big = columnFindings({ feature: 'age', reference: whole.map(BigInt), current: whole.map((value) => BigInt(value) + 1000n) })
  expect(big).toMatchObject([{ kind: 'above_range', share: 1 }])
  expect(columnFindings({ feature: 'age', reference: whole, current: new Array(80).fill(3) })).toMatchObject([
    { kind: 'constant', share: 1 },
  ])
  expect(columnFindings({ feature: 'age', reference: new Array(80).fill(3), current: new Array(80).fill(3) })).toEqual([])
  expect(columnFindings({ feature: 'on', reference: whole.map((v) => v > 5), current: new Array(80).fill(true) })).toMatchObject([
    { kind: 'vanished_category' },
    { kind: 'constant' },
  ])
})

test('columns that came or went are found without statistics', () => {
  expect(schemaFindings(['a', 'b'], ['b', 'c'])).toMatchObject([
    { kind: 'vanished_column', feature: 'a', pValue: null },
    { kind: 'new_column', feature: 'c', pValue: null },
  ])
  expect(schemaFindings(['a'], ['a'])).toEqual([])
})

test('empty columns have nothing to say', () => {
  expect(columnFindings({ feature: 'x', reference: [], current: [] })).toEqual([])
  expect(columnFindings({ feature: 'x', reference: [], current: [1, 2] })).toEqual([])
  expect(columnFindings({ feature: 'x', reference: [1, 2], current: [] })).toEqual([])
  expect(numericFindings({ feature: 'x', reference: [Number.NaN], current: [1] })).toEqual([])
})
