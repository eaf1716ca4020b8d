import { formatAge, formatInstant } from '../format.ts'
import { useNow } from '../use-live.ts'

/** An instant in local time with its age; the whole date and zone on hover. */
export function Instant({ at, only }: { at: number; only?: 'age' | 'time' }) {
  const now = useNow()
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toString()} className="instant">
      {only !== 'age' && formatInstant(at, now)}
      {only === undefined && ' '}
      {only !== 'time' && <span className={only ? undefined : 'dim'}>{formatAge(at, now)}</span>}
    </time>
  )
}
