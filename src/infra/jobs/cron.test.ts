import { expect, test } from 'vitest'
import { nextCronMs } from './cron.ts'

const at = (text: string) => Date.parse(text)

test.each([
  ['a quarter of an hour', '*/15 * * * *', 'UTC', '2026-01-01T00:07:00Z', '2026-01-01T00:15:00Z'],
  ['the next day', '30 2 * * *', 'UTC', '2026-01-01T02:30:00Z', '2026-01-02T02:30:00Z'],
  ['a weekday', '0 9 * * 1', 'UTC', '2026-11-22T00:00:00Z', '2026-11-23T09:00:00Z'],
  ['another zone', '0 9 * * *', 'Asia/Tokyo', '2026-01-01T00:00:01Z', '2026-01-02T00:00:00Z'],
  ['winter in Berlin', '0 6 * * *', 'Europe/Berlin', '2026-01-10T12:00:00Z', '2026-01-11T05:00:00Z'],
  ['summer in Berlin', '0 6 * * *', 'Europe/Berlin', '2026-07-10T12:00:00Z', '2026-07-11T04:00:00Z'],
  ['the night that loses an hour: after the gap', '30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T01:00:00Z'],
  ['the night that has an hour twice: the first', '30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00Z'],
])('%s', (_name, cron, timeZone, after, expected) => {
  expect(new Date(nextCronMs({ cron, timeZone }, at(after))).toISOString()).toBe(new Date(at(expected)).toISOString())
})

test('a year of nights in a zone with changes of the clock has one turn a night', () => {
  let turn = at('2025-12-31T12:00:00Z')
  const nights = new Set<string>()
  for (let night = 0; night < 365; night++) {
    turn = nextCronMs({ cron: '30 2 * * *', timeZone: 'America/New_York' }, turn)
    nights.add(new Intl.DateTimeFormat('sv', { timeZone: 'America/New_York' }).format(turn))
  }
  expect(nights.size).toBe(365)
  expect([...nights].at(-1)).toBe('2026-12-31')
})

test.each([
  ['too few fields', '0 9 * *', 'UTC', /needs five fields/],
  ['no field', 'x 9 * * *', 'UTC', /cannot be read/],
  ['a day that never comes', '0 0 31 2 *', 'UTC', /names no time/],
  ['a zone that is none', '0 0 * * *', 'Mars/Olympus', /time zone Mars\/Olympus cannot be read/],
])('%s is refused', (_name, cron, timeZone, message) => {
  expect(() => nextCronMs({ cron, timeZone }, 0)).toThrow(message)
})
