import { formatCount, formatPercent, formatPoints, wordsFrom } from '../format.ts'
import { monitorPath } from '../routes.ts'
import { numberIn, textsIn } from '../steps.ts'
import { Fact } from './fact.tsx'
import { Link } from './link.tsx'
import { Pill, type Tone } from './notes.tsx'

type Found = Readonly<Record<string, unknown>>
type Source = { readonly name: string; readonly rows: number; readonly errors: number; readonly errorRate: number }
type Fault = { readonly feature: string; readonly kind: string; readonly share: number; readonly text: string }

const causes: Readonly<Record<string, { tone: Tone; says: string }>> = {
  broken_data: { tone: 'bad', says: 'The rows themselves are faulty: repair what feeds them.' },
  poisoned_labels: { tone: 'bad', says: 'A source of labels contradicts the model and all other sources.' },
  evasion: { tone: 'bad', says: 'A few actors make the change: an attack.' },
  real_change: { tone: 'watch', says: 'The change is spread over all actors: the world moved.' },
  no_loss: { tone: 'good', says: 'The inputs moved, the quality did not.' },
}
const ACTORS_SHOWN = 12

/** What triage found behind the alarm, and every figure it rests on. */
export function TriageEvidence({ evidence }: { evidence: Found }) {
  const cause = typeof evidence.cause === 'string' ? evidence.cause : undefined
  if (cause === undefined) return null
  const sources = Array.isArray(evidence.sources) ? (evidence.sources as Source[]) : []
  const faults = Array.isArray(evidence.faults) ? (evidence.faults as Fault[]) : []
  const actors = textsIn(evidence, 'actors')
  return (
    <div className="evidence-box">
      <p>
        <Pill tone={causes[cause]?.tone ?? 'plain'}>{wordsFrom(cause)}</Pill> <span className="dim">{causes[cause]?.says}</span>
      </p>
      <Facts evidence={evidence} />
      {sources.length > 0 && <Sources sources={sources} lying={textsIn(evidence, 'labelSources')} />}
      {faults.length > 0 && (
        <ul className="faults">
          {faults.map((fault) => (
            <li key={`${fault.feature}/${fault.kind}`}>
              <b>{fault.feature}</b> {fault.text.replace(`${fault.feature} `, '')}
            </li>
          ))}
        </ul>
      )}
      {actors.length > 0 && <Actors actors={actors} />}
      <Diagnosis monitor={evidence.monitor} />
    </div>
  )
}

/** The way to the detections of the monitor, each with its whole diagnosis: it takes seconds, so it is made when somebody asks. */
function Diagnosis({ monitor }: { monitor: unknown }) {
  if (typeof monitor !== 'string') return null
  return (
    <p>
      <Link to={monitorPath(monitor)}>The whole diagnosis, on the monitor’s page</Link>
    </p>
  )
}

function Facts({ evidence }: { evidence: Found }) {
  const [labelled, error, before] = [
    numberIn(evidence, 'labelledRows'),
    numberIn(evidence, 'errorRate'),
    numberIn(evidence, 'baselineErrorRate'),
  ]
  const crowding = numberIn(evidence, 'boundaryCrowding')
  const few = numberIn(evidence, 'few')
  const shares = [
    ['of the shift', numberIn(evidence, 'shiftExplainedByFew')],
    ['of the errors', numberIn(evidence, 'errorShareOfFew')],
    ['of the rows', numberIn(evidence, 'rowShareOfFew')],
  ] as const
  return (
    <>
      {labelled !== undefined && (
        <dl className="facts">
          <Fact name="labelled rows" value={formatCount(labelled)} />
          {error !== undefined && <Fact name="error now" value={formatPercent(error)} />}
          {before !== undefined && <Fact name="error in the reference" value={formatPercent(before)} />}
          {crowding !== undefined && <Fact name="scores near the threshold, these actors against others" value={formatPoints(crowding)} />}
        </dl>
      )}
      {few !== undefined && (
        <table className="bars">
          <caption>What the {formatCount(few)} most involved actors hold</caption>
          <tbody>
            {shares.map(
              ([name, share]) =>
                share !== undefined && (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td className="bar">
                      <div style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
                    </td>
                    <td className="number">{formatPercent(share)}</td>
                  </tr>
                ),
            )}
          </tbody>
        </table>
      )}
    </>
  )
}

function Sources({ sources, lying }: { sources: readonly Source[]; lying: readonly string[] }) {
  return (
    <table className="bars">
      <caption>Who labels, and how often each contradicts the model</caption>
      <tbody>
        {sources.map((source) => (
          <tr key={source.name}>
            <th scope="row" className={lying.includes(source.name) ? 'lying' : undefined}>
              {source.name}
            </th>
            <td className="bar">
              <div style={{ width: `${source.errorRate * 100}%` }} />
            </td>
            <td className="number">{formatPercent(source.errorRate)}</td>
            <td className="number dim">
              {formatCount(source.errors)} of {formatCount(source.rows)} rows
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Actors({ actors }: { actors: readonly string[] }) {
  const rest = actors.slice(ACTORS_SHOWN)
  return (
    <div className="actors">
      <h3>Actors</h3>
      <Chips names={actors.slice(0, ACTORS_SHOWN)} />
      {rest.length > 0 && (
        <details>
          <summary>{formatCount(rest.length)} more</summary>
          <Chips names={rest} />
        </details>
      )}
    </div>
  )
}

function Chips({ names }: { names: readonly string[] }) {
  return (
    <ul className="chips">
      {names.map((name) => (
        <li key={name}>{name}</li>
      ))}
    </ul>
  )
}
