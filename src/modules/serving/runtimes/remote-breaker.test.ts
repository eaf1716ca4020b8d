import { expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { createBreaker } from './remote-breaker.ts'

function broken() {
  const clock = createManualClock()
  const breaker = createBreaker({ clock, failures: 3, openMs: 10_000, what: 'the server' })
  const fail = () => breaker.enter()('failed')
  return { clock, breaker, fail }
}

test('failures in a row open it, and an answer in between starts the count anew', () => {
  const { breaker, fail } = broken()
  fail()
  fail()
  breaker.enter()('answered')
  fail()
  fail()
  expect(breaker.state).toBe('closed')
  fail()
  expect(breaker.state).toBe('open')
  expect(() => breaker.enter()).toThrow(/failed 3 times in a row and is not asked for 10.0 s/)
})

test('after its time one call tries, and no second one beside it', () => {
  const { clock, breaker, fail } = broken()
  for (let i = 0; i < 3; i++) fail()
  clock.advance(9_999)
  expect(() => breaker.enter()).toThrow()
  clock.advance(1)
  expect(breaker.state).toBe('half_open')
  const probe = breaker.enter()
  expect(() => breaker.enter()).toThrow(/while one call tries it/)
  probe('answered')
  expect(breaker.state).toBe('closed')
  fail()
  expect(breaker.state).toBe('closed')
})

test('a failed try opens it for as long again; an abandoned one leaves the place to the next', () => {
  const { clock, breaker, fail } = broken()
  for (let i = 0; i < 3; i++) fail()
  clock.advance(10_000)
  breaker.enter()('abandoned')
  expect(breaker.state).toBe('half_open')
  fail()
  expect(breaker.state).toBe('open')
  clock.advance(9_999)
  expect(breaker.state).toBe('open')
})

test('an answer that comes late, to a call from before it opened, does not close it', () => {
  const { breaker, fail } = broken()
  const late = breaker.enter()
  for (let i = 0; i < 3; i++) fail()
  late('answered')
  expect(breaker.state).toBe('open')
})
