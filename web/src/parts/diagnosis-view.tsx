import { useState } from 'react'
import { type Diagnosis, DriftResponse, triage } from '../../../src/contract/triage.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatPercent, formatPoints, wordsFrom } from '../format.ts'
import { Fact } from './fact.tsx'
import { Instant } from './instant.tsx'
import { Pill, type Tone } from './notes.tsx'
import { ReasonDialog } from './reason-dialog.tsx'

const tones: Readonly<Record<Diagnosis['cause'], Tone>> = {
  data_fault: 'bad',
  attack: 'bad',
  concept: 'bad',
  covariate: 'watch',
  prior: 'watch',
  model_change: 'watch',
  seasonal: 'good',
  none: 'good',
}
const LEAST_CONFIDENCE = 0.005
const FEATURES_SHOWN = 8

/** What is behind a detection: cause, what speaks for it, whom it reaches, and how it is answered. */
export function DiagnosisView({ diagnosis, onChosen }: { diagnosis: Diagnosis; onChosen: () => void }) {
  const { performance, features, slices, attack, segments } = diagnosis
  return (
    <div className="diagnosis">
      <p>
        <Pill tone={tones[diagnosis.cause]}>{wordsFrom(diagnosis.cause)}</Pill> {diagnosis.summary}
      </p>
      <dl className="facts">
        <Fact name="rows looked at" value={formatCount(diagnosis.rows)} />
        <Fact name="with a label" value={formatCount(diagnosis.labelledRows)} />
        {performance && <Fact name="error rate" value={formatPoints(performance.change)} />}
        {performance && <Fact name="of that by other inputs" value={formatPoints(performance.covariate)} />}
        {performance && <Fact name="by another truth" value={formatPoints(performance.concept)} />}
      </dl>
      <div className="diagnosis-parts">
        <Causes causes={diagnosis.causes} />
        {features.length > 0 && (
          <Bars
            caption="Parts of the change of inputs"
            rows={features.slice(0, FEATURES_SHOWN).map(({ name, share }) => [name, share, formatPercent(share)])}
          />
        )}
        <Bars
          caption="Who asked most, and how often labels contradict the model there"
          rows={segments.map(({ by, name, share, wrong }) => [
            `${by} ${name}`,
            share,
            `${formatPercent(share)}${wrong === null ? '' : `, ${formatPercent(wrong)} wrong`}`,
          ])}
        />
      </div>
      {attack.map(({ kind, actors, text }) => (
        <p key={kind}>
          <b>{wordsFrom(kind)}</b> by {actors.join(', ')}: {text}
        </p>
      ))}
      {slices.length > 0 && (
        <>
          <h3>{diagnosis.labelledRows >= 200 ? 'Where the model is wrong more often' : 'Where the traffic is unlike the reference'}</h3>
          <ul>
            {slices.map(({ conditions }) => (
              <li key={conditions.join()}>{conditions.join(' and ')}</li>
            ))}
          </ul>
        </>
      )}
      <BlastRadius reached={diagnosis.blastRadius} />
      <Answer diagnosis={diagnosis} onChosen={onChosen} />
    </div>
  )
}

function Causes({ causes }: { causes: Diagnosis['causes'] }) {
  const shown = causes.filter(({ confidence }, i) => i === 0 || confidence >= LEAST_CONFIDENCE)
  return (
    <div>
      <Bars
        caption="Weight of each cause: rules compared, no measured chance"
        rows={shown.map(({ cause, confidence }) => [wordsFrom(cause), confidence, formatPercent(confidence)])}
      />
      <details>
        <summary>What speaks for and against each</summary>
        <dl className="cause-evidence">
          {causes.map(({ cause, evidence }) => (
            <div key={cause}>
              <dt>{wordsFrom(cause)}</dt>
              <dd>{evidence.join('; ')}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  )
}

function Bars({ caption, rows }: { caption: string; rows: readonly (readonly [name: string, share: number, says: string])[] }) {
  return (
    <table className="bars">
      <caption>{caption}</caption>
      <tbody>
        {rows.map(([name, share, says]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className="bar">
              <div style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
            </td>
            <td className="number">{says}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function BlastRadius({ reached }: { reached: Diagnosis['blastRadius'] }) {
  const named = [
    ['deployments', reached.deployments],
    ['streams', reached.streams],
    ['batch scorings', reached.batches],
    ['versions', reached.models],
  ] as const
  const also = named.filter(([, names]) => names.length > 0).map(([what, names]) => `${what} ${names.join(', ')}`)
  return (
    <p>
      <b>Reaches</b> {formatCount(reached.requests)} answers since it began{also.length > 0 && `; ${also.join('; ')}`}.
    </p>
  )
}

function Answer({ diagnosis: { detection, response, chosen }, onChosen }: { diagnosis: Diagnosis; onChosen: () => void }) {
  const { client, session } = useConsole()
  const [asked, setAsked] = useState<DriftResponse>()
  const refusal = session?.scopes.includes('write') ? undefined : 'your role lacks the scope “write”'
  return (
    <div className="answer">
      <p>
        <b>Suggested: {wordsFrom(response.suggested)}</b>, because {response.why}.
      </p>
      {chosen && (
        <p>
          <b>Chosen: {wordsFrom(chosen.response)}</b> by {chosen.by} <Instant at={chosen.at} />: {chosen.reason}
        </p>
      )}
      <div className="actions" role="toolbar" aria-label="Answer this detection">
        {DriftResponse.options.map((option) => (
          <button
            key={option}
            type="button"
            className={option === response.suggested ? 'primary' : undefined}
            aria-pressed={option === chosen?.response}
            disabled={refusal !== undefined}
            title={refusal}
            onClick={() => setAsked(option)}
          >
            {option === 'none' ? 'do nothing' : wordsFrom(option)}
          </button>
        ))}
      </div>
      {asked && (
        <ReasonDialog
          title={`Answer with: ${asked === 'none' ? 'do nothing' : wordsFrom(asked)}`}
          says="Your choice is recorded with its reason. It starts nothing by itself."
          button="Choose"
          decide={(reason) => client.call(triage.chooseResponse, { id: detection, response: asked, reason })}
          onClose={() => setAsked(undefined)}
          onDone={onChosen}
        />
      )}
    </div>
  )
}
