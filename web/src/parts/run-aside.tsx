import { incidents } from '../../../src/contract/incidents.ts'
import type { LoopRun } from '../../../src/contract/loops.ts'
import { useConsole } from '../console.tsx'
import { shortenId, wordsFrom } from '../format.ts'
import { useLive } from '../use-live.ts'
import { Instant } from './instant.tsx'
import { Pill } from './notes.tsx'

/** The run’s facts, and the incident it opened. */
export function RunAside({ run }: { run: LoopRun }) {
  return (
    <aside aria-label="Facts of the run">
      <section>
        <h2>Facts</h2>
        <dl className="side-facts">
          <Row name="loop" value={run.loop} />
          <Row name="cause" value={wordsFrom(run.cause.kind)} />
          <Row name="challenger" value={run.challenger === null ? undefined : `v${run.challenger}`} />
          <Row name="run" value={run.id} id />
          <Row name="detection" value={run.cause.detection} id />
          <Row name="training" value={run.training} id />
          <Row name="verdict" value={run.verdict} id />
          <Row name="rollout" value={run.rollout} id />
          {run.quarantines.map((quarantine) => (
            <Row key={quarantine} name="quarantine" value={quarantine} id />
          ))}
        </dl>
      </section>
      {run.incident && <IncidentBox id={run.incident} />}
    </aside>
  )
}

function Row({ name, value, id = false }: { name: string; value: string | null | undefined; id?: boolean }) {
  if (value === null || value === undefined) return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {id ? (
          <button
            type="button"
            className="copy"
            title={`${value}: copy`}
            aria-label={`Copy the ${name} id ${value}`}
            onClick={() => void navigator.clipboard?.writeText(value)}
          >
            {shortenId(value)}
          </button>
        ) : (
          value
        )}
      </dd>
    </div>
  )
}

function IncidentBox({ id }: { id: string }) {
  const { client } = useConsole()
  const { value } = useLive(`incident/${id}`, () => client.call(incidents.getIncident, { id }), { topics: ['incidents'], pollMs: 60_000 })
  return (
    <section>
      <h2>Incident {value && <Pill tone={value.state === 'open' ? 'watch' : 'good'}>{value.state}</Pill>}</h2>
      <ol className="notes">
        {value?.timeline.map((note) => (
          <li key={`${note.at}/${note.text}`}>
            <Instant at={note.at} only="time" /> <span className="dim">{note.actor}</span>
            <p>{note.text}</p>
          </li>
        ))}
      </ol>
    </section>
  )
}
