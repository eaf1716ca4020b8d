import { expect, test } from 'vitest'
import { createPace } from './pace.ts'

function paceOn(time: { us: number }) {
  const pace = createPace(() => time.us)
  return {
    pace,
    serve(batches: number, rows: number, us: number) {
      for (let i = 0; i < batches; i++) {
        pace.enter(rows)
        time.us += us
        pace.leave(rows)
      }
    },
  }
}

test('the wait follows from the rows that are under way and what a row takes', () => {
  const { pace, serve } = paceOn({ us: 0 })
  serve(31, 10, 1_000)
  expect(pace.waitMs(1)).toBe(0)
  serve(100, 10, 1_000)
  pace.enter(49)
  expect(pace.waiting).toBe(49)
  expect(pace.waitMs(1)).toBeCloseTo(5, 6)
})

test('idle time is not counted, and one pause with a single row does not outweigh the rest', () => {
  const time = { us: 0 }
  const { pace, serve } = paceOn(time)
  serve(100, 16, 960)
  time.us += 60_000_000
  serve(1, 1, 180_000)
  pace.enter(63)
  expect(pace.waitMs(1)).toBeLessThan(60)
})

test('workers side by side count together', () => {
  const time = { us: 0 }
  const pace = createPace(() => time.us)
  pace.enter(1)
  for (let i = 0; i < 200; i++) {
    pace.enter(1)
    time.us += 500
    pace.leave(1)
  }
  expect(pace.waitMs(1)).toBeCloseTo(1, 6)
})
