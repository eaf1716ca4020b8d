import { expect, it } from 'vitest'
import type { DomainEvent } from '../../src/contract/activity.ts'
import { concerns, createLive, pauseBefore } from './live.ts'

const event = (name: string): DomainEvent => ({ id: name, name, subject: 's', data: {}, at: 0 })

it('waits longer after each failure, up to a limit, and never in step with the others', () => {
  expect([0, 1, 2, 9].map((attempt) => pauseBefore(attempt, () => 1))).toEqual([500, 1_000, 2_000, 15_000])
  expect(pauseBefore(0, () => 0)).toBe(250)
})

it('follows, says since when it is not live, comes back, and begins its pauses anew', async () => {
  const seen: string[] = []
  const pauses: number[] = []
  let now = 1_000
  let connection = 0
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const live = createLive({
    async *follow(_signal, onOpen) {
      connection++
      if (connection === 2 || connection === 3) throw new Error('refused')
      onOpen()
      yield event(`loops.${connection}`)
    },
    async pause(milliseconds) {
      pauses.push(milliseconds)
      now += milliseconds
      if (pauses.length < 4) return
      live.stop()
      resolve()
    },
    now: () => now,
    random: () => 1,
  })
  live.onEvent(({ name }) => seen.push(name))
  live.onState(() => {
    const state = live.state()
    seen.push(state.status === 'lost' ? `lost since ${state.sinceMs}: ${state.problem}` : state.status)
  })
  live.start()
  await over
  expect(seen.slice(0, 7)).toEqual([
    'live',
    'loops.1',
    'lost since 1000: the stream of events ended',
    'lost since 1000: refused',
    'lost since 1000: refused',
    'live',
    'loops.4',
  ])
  expect(pauses).toEqual([500, 1_000, 2_000, 500])
})

it('knows what an event concerns', () => {
  expect(concerns(event('loops.advanced'), ['loops', 'rollouts'])).toBe(true)
  expect(concerns(event('loopsomething.advanced'), ['loops'])).toBe(false)
})
