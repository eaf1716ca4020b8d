const DAY_MS = 86_400_000

/** The day of a moment in a time zone, `days` days before it, as `2026-11-20`. */
export function dayOf(atMs: number, timeZone: string, daysBefore = 0): string {
  const local = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(atMs)
  return dayAfter(local, -daysBefore)
}

export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10)
}

/** From one day to another, both included; empty when the first is later. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = []
  for (let day = from; day <= to; day = dayAfter(day, 1)) days.push(day)
  return days
}

/** The moment at which a day begins in a time zone, ms since the epoch; the first one after midnight where a change of the clocks leaves midnight out. */
export function startOfDay(day: string, timeZone: string): number {
  // The offset of a zone moves by less than a day, so the start lies within a day of midnight UTC.
  let low = Date.parse(day) - DAY_MS
  let high = Date.parse(day) + DAY_MS
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (dayOf(middle, timeZone) < day) low = middle
    else high = middle
  }
  return high
}
