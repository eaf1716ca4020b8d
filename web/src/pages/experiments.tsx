import { useEffect, useState } from 'react'
import { experiments } from '../../../src/contract/experiments.ts'
import { useConsole } from '../console.tsx'
import { formatCount } from '../format.ts'
import { Instant } from '../parts/instant.tsx'
import { Link } from '../parts/link.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { TrackingHint } from '../parts/tracking-hint.tsx'
import { experimentPath } from '../routes.ts'
import { nameFilter } from '../search.ts'
import { usePages } from '../use-pages.ts'

const PER_PAGE = 50

/** Every experiment, the newest first, or those whose name has the words searched for. */
export function ExperimentsPage() {
  const { client, base } = useConsole()
  const [words, setWords] = useState('')
  const filter = nameFilter(words)
  const load = async (page: string | undefined) => {
    const found = await client.call(experiments.search, { filter, page, limit: PER_PAGE })
    return { items: found.experiments, next: found.next }
  }
  const { items, error, busy, more } = usePages(`${base}/experiments/${filter ?? ''}`, load, 15_000)
  useEffect(() => {
    document.title = 'Experiments · Setpoint'
  }, [])
  const untouched = items?.length === 1 && items[0]!.runs === 0 && words === ''
  return (
    <>
      <div className="page-head">
        <h1>Experiments</h1>
        <input
          type="search"
          className="search"
          placeholder="Search by name"
          aria-label="Search experiments by name"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      </div>
      {error && <Problem error={error} what="The list" stale={items !== undefined} />}
      {!items && !error && <Skeleton rows={6} height={38} />}
      {items?.length === 0 && !busy && <p className="dim">No experiment has “{words.trim()}” in its name.</p>}
      {items && items.length > 0 && (
        <div className="table-box" aria-busy={busy}>
          <table className="runs">
            <thead>
              <tr>
                <th>Name</th>
                <th className="number">Id</th>
                <th className="number">Runs</th>
                <th>Last run</th>
                <th>Tags</th>
                <th>Created</th>
              </tr>
            </thead>
            <tbody>
              {items.map((experiment) => (
                <tr key={experiment.id}>
                  <td>
                    <Link to={experimentPath(experiment.id)}>{experiment.name}</Link>
                  </td>
                  <td className="number dim">{experiment.id}</td>
                  <td className="number">{formatCount(experiment.runs)}</td>
                  <td>{experiment.lastRunAt === null ? <span className="dim">none</span> : <Instant at={experiment.lastRunAt} />}</td>
                  <td className="text dim">{tagsText(experiment.tags)}</td>
                  <td>
                    <Instant at={experiment.createdAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more && (
        <button type="button" className="more" onClick={more} disabled={busy}>
          More experiments
        </button>
      )}
      {untouched && (
        <TrackingHint title="Track your first run">
          Training loops, autologging, models and the registry work as they do with any MLflow server.
        </TrackingHint>
      )}
    </>
  )
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .filter(([key]) => !key.startsWith('mlflow.'))
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')
}
