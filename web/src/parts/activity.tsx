import { activity } from '../../../src/contract/activity.ts'
import { events } from '../../../src/contract/events.ts'
import { useConsole } from '../console.tsx'
import { collapse, deploymentOf, textOf } from '../event-text.ts'
import type { Topic } from '../live.ts'
import { loopPath } from '../routes.ts'
import { useLive } from '../use-live.ts'
import { Instant } from './instant.tsx'
import { Link } from './link.tsx'

const SHOWN = 12
const READ = 80
const everything = [...new Set(Object.keys(events).map((name) => name.slice(0, name.indexOf('.'))))] as Topic[]

/** What happened lately, newest first. */
export function Activity() {
  const { client } = useConsole()
  const { value } = useLive('activity', () => client.call(activity.listEvents, { limit: READ }), { topics: everything, pollMs: 15_000 })
  return (
    <section aria-labelledby="activity">
      <h2 id="activity">Activity</h2>
      <ul>
        {collapse(value ?? [])
          .slice(0, SHOWN)
          .map((event) => (
            <li key={event.id}>
              <span className="grow">
                {deploymentOf(event) && <b>{deploymentOf(event)} </b>}
                {event.name.startsWith('loops.') ? <Link to={loopPath(event.subject)}>{textOf(event)}</Link> : textOf(event)}
              </span>
              <Instant at={event.at} only="age" />
            </li>
          ))}
      </ul>
    </section>
  )
}
