import { expect, test } from 'vitest'
import { dayAfter, dayOf, daysBetween, startOfDay } from './days.ts'

test('a moment has the day of its zone', () => {
  const atMs = Date.parse('2026-11-20T23:30:00Z')
  expect([dayOf(atMs, 'UTC'), dayOf(atMs, 'Asia/Tokyo'), dayOf(atMs, 'UTC', 1)]).toEqual(['2026-11-20', '2026-11-21', '2026-11-19'])
})

test('days go on over months and years, and end where told', () => {
  expect(dayAfter('2026-12-31', 1)).toBe('2027-01-01')
  expect(daysBetween('2028-02-28', '2028-03-01')).toEqual(['2028-02-28', '2028-02-29', '2028-03-01'])
  expect(daysBetween('2026-01-02', '2026-01-01')).toEqual([])
})

test.each([
  ['2026-01-15', 'UTC', '2026-01-15T00:00:00Z'],
  ['2026-01-15', 'Europe/Berlin', '2026-01-14T23:00:00Z'],
  ['2026-07-15', 'Europe/Berlin', '2026-07-14T22:00:00Z'],
  ['2026-01-15', 'America/Los_Angeles', '2026-01-15T08:00:00Z'],
  // The clocks of Santiago go forward at midnight, so this day begins at one.
  ['2026-09-06', 'America/Santiago', '2026-09-06T04:00:00Z'],
])('%s begins in %s at %s', (day, zone, expected) => {
  expect(new Date(startOfDay(day, zone)).toISOString()).toBe(new Date(expected).toISOString())
})
