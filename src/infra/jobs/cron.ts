import { Cron } from 'croner'
import { AppError, messageFrom } from '../../contract/errors.ts'

/** Times named as in crontab(5), minute hour day month weekday, in an IANA time zone; UTC when absent. */
export type CronTimes = { readonly cron: string; readonly timeZone?: string }

/** The most turns that are looked through for the latest of those that were missed. */
const MOST_MISSED = 100_000

/**
 * The first time after `afterMs`. Where a change of the clocks leaves a time of day out, it counts as the moment after the
 * gap; where one comes twice, the first counts. Throws `invalid` for what is no cron expression, or names no time.
 */
export function nextCronMs({ cron, timeZone = 'UTC' }: CronTimes, afterMs: number): number {
  if (cron.trim().split(/\s+/).length !== 5 && !cron.startsWith('@'))
    throw new AppError('invalid', `cron expression "${cron}" needs five fields: minute hour day month weekday`)
  const next = timesOf(cron, timeZone, afterMs)
  if (!next) throw new AppError('invalid', `cron expression "${cron}" names no time that is still to come`)
  return next.getTime()
}

/** The latest time up to `nowMs`, from `firstMs` on, which is one of them. */
export function latestCronMs(times: CronTimes, firstMs: number, nowMs: number): number {
  let latest = firstMs
  for (let seen = 0; seen < MOST_MISSED; seen++) {
    const next = nextCronMs(times, latest)
    if (next > nowMs) return latest
    latest = next
  }
  return latest
}

function timesOf(cron: string, timezone: string, afterMs: number): Date | null {
  try {
    return new Cron(cron, { timezone, paused: true }).nextRun(new Date(afterMs))
  } catch (error) {
    throw new AppError('invalid', `cron expression "${cron}" in time zone ${timezone} cannot be read: ${messageFrom(error)}`, {}, error)
  }
}
