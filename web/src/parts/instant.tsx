import { formatAge, formatInstant } from '../format.ts'
import { useNow } from '../use-live.ts'

/** An instant in local time with its age; the whole date and zone on hover. */
export function Instant({ at, only }: { at: number; only?: 'age' | 'time' }) {
  const now = useNow()
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return <span className="instant">{formatInstant(at, now)}</span>
  return (
    <time dateTime={date.toISOString()} title={date.toString()} className="instant">
      {only !== 'age' && formatInstant(at, now)}
      {only === undefined && ' '}
      {only !== 'time' && <span className={only ? undefined : 'dim'}>{formatAge(at, now)}</span>}
    </time>
  )
}
