import { expect, test } from 'vitest'
import { createThrottle } from './throttle.ts'

function throttleAt() {
  const time = { ms: 1_000_000 }
  const throttle = createThrottle({ now: () => time.ms, after: () => () => {} })
  const fail = (times: number, address = 'a') => {
    for (let i = 0; i < times; i++) throttle.fail(address)
  }
  /** Seconds an address must wait now; 0 when it may try. */
  const waitOf = (address = 'a'): number => {
    try {
      throttle.check(address)
      return 0
    } catch (error) {
      expect(error).toMatchObject({ code: 'throttled' })
      return (error as { details: { retryAfterSeconds: number } }).details.retryAfterSeconds
    }
  }
  return { time, throttle, fail, waitOf }
}

test.each([
  [10, 0],
  [11, 1],
  [12, 2],
  [15, 16],
  [20, 512],
  [21, 900],
  [2_000, 900],
])('after %i failures an address waits %i s', (failures, seconds) => {
  const { fail, waitOf } = throttleAt()
  fail(failures)
  expect(waitOf()).toBe(seconds)
})

test('the wait ends to the millisecond, and one more failure doubles it', () => {
  const { time, fail, waitOf } = throttleAt()
  fail(11)
  time.ms += 999
  expect(waitOf()).toBe(1)
  time.ms += 1
  expect(waitOf()).toBe(0)
  fail(1)
  expect(waitOf()).toBe(2)
})

test('failures are forgotten a minute after the last one or the end of its wait, or at a success', () => {
  const { time, throttle, fail, waitOf } = throttleAt()
  fail(10)
  time.ms += 60_000
  fail(1)
  expect(waitOf()).toBe(1)
  time.ms += 1_000 + 60_001
  fail(10)
  expect(waitOf()).toBe(0)
  throttle.succeed('a')
  fail(10)
  expect(waitOf()).toBe(0)
})

test('addresses do not share failures', () => {
  const { fail, waitOf } = throttleAt()
  fail(30)
  expect([waitOf('a'), waitOf('b')]).toEqual([900, 0])
})

test('of more than 10,000 addresses the one that failed longest ago is forgotten', () => {
  const { fail, waitOf } = throttleAt()
  fail(11, 'first')
  fail(11, 'second')
  for (let i = 0; i < 9_998; i++) fail(1, `other ${i}`)
  expect(waitOf('first')).toBe(1)
  fail(1, 'one more')
  expect([waitOf('first'), waitOf('second')]).toEqual([0, 1])
})
