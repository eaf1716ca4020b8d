import { describe, expect, test } from 'vitest'
import { columnKindOf, numberOf } from './cells.ts'

const many = (make: (i: number) => string | null, rows = 100) => Array.from({ length: rows }, (_, i) => make(i))

describe('cells of a column of numbers', () => {
  test.each([
    ['1', 1],
    ['-0.5', -0.5],
    ['007', 7],
    [' 12 ', 12],
    ['1e3', 1_000],
    ['true', 1],
    ['FALSE', 0],
    ['.5', 0.5],
  ])('%s is %d', (cell, value) => {
    expect(numberOf(cell)).toBe(value)
  })

  test.each([null, '', '  ', 'NaN', 'NA', 'n/a', 'null', 'None', '?', '-', '--'])('%s is missing', (cell) => {
    expect(numberOf(cell)).toBeNaN()
  })

  test.each(['abc', '1,5', '0x10', 'Infinity', '-inf', '12 kg', '1.2.3'])('%s is there, but no number', (cell) => {
    expect(numberOf(cell)).toBeUndefined()
  })
})

describe('the kind of a column', () => {
  test.each([
    ['numbers with gaps', many((i) => (i % 7 === 0 ? 'NA' : String(i / 3))), 'numeric'],
    ['numbers with one odd cell', many((i) => (i === 50 ? 'oops' : String(i * 1.5))), 'numeric'],
    ['two codes of which some are letters', many((i) => (i % 30 === 0 ? 'x' : String(i % 2))), 'category'],
    ['names', many((i) => ['a', 'b', 'NA'][i % 3]!), 'category'],
    ['names of several words', many((i) => ['Upper East Side South', 'Lower West Side North'][i % 2]!), 'category'],
    ['prose', many((i) => `order number ${i} came too late`), 'text'],
    ['days', many((i) => `2026-01-${String((i % 28) + 1).padStart(2, '0')}`), 'identifier'],
    ['times', many((i) => `2026-01-02 03:04:${String(i % 60).padStart(2, '0')}`), 'identifier'],
    ['keys', many((i) => `key-${i}`), 'identifier'],
    ['nothing', many(() => null), 'empty'],
    ['only gaps', many(() => 'NA'), 'category'],
  ] as const)('%s', (_, cells, kind) => {
    expect(columnKindOf(cells)).toBe(kind)
  })
})
