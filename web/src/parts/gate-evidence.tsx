import { type GateCheck, gates } from '../../../src/contract/gates.ts'
import type { LoopRun, LoopStep } from '../../../src/contract/loops.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatDifference, formatMetric, NONE, wordsFrom } from '../format.ts'
import { useLive } from '../use-live.ts'
import { Pill, type Tone } from './notes.tsx'
import { Whisker } from './whisker.tsx'

const tones: Readonly<Record<GateCheck['outcome'], Tone>> = { pass: 'good', fail: 'bad', insufficient_data: 'unknown' }
const outcomes: Readonly<Record<GateCheck['outcome'], string>> = { pass: 'pass', fail: 'fail', insufficient_data: 'too few rows' }

/** What the challenger proved offline against the champion, check by check. */
export function GateEvidence({ run, step, last }: { run: LoopRun; step: LoopStep; last: boolean }) {
  const { client } = useConsole()
  const id = typeof step.evidence.verdict === 'string' ? step.evidence.verdict : last ? run.verdict : null
  const { value: verdict } = useLive(`verdict/${id}`, () => (id ? client.call(gates.getVerdict, { id }) : Promise.resolve(undefined)), {
    topics: ['gates'],
    pollMs: 60_000,
  })
  const checks = (step.evidence.checks as GateCheck[] | undefined) ?? verdict?.checks
  if (!checks) return null
  const reach = 1.1 * Math.max(0, ...checks.flatMap((check) => [check.low, check.high, check.difference]).map((end) => Math.abs(end ?? 0)))
  return (
    <div className="evidence-box">
      {verdict && (
        <p className="dim">
          gate {verdict.gate}: challenger v{verdict.challenger} against champion v{verdict.champion}
        </p>
      )}
      <div className="table-box">
        <table className="checks">
          <thead>
            <tr>
              <th>Check</th>
              <th className="number">Rows</th>
              <th className="number">Champion</th>
              <th className="number">Challenger</th>
              <th className="number">Difference</th>
              <th>
                <span className="scale">
                  <span>worse</span>
                  <span>better</span>
                </span>
              </th>
              <th>Outcome</th>
            </tr>
          </thead>
          <tbody>
            {checks.map((check) => (
              <Check key={check.name} check={check} reach={reach} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}

function Check({ check, reach }: { check: GateCheck; reach: number }) {
  const { name, metric, rows, champion, challenger, difference, low, high, required, outcome } = check
  const tone = outcome === 'pass' ? 'good' : outcome === 'fail' ? 'bad' : 'plain'
  const interval = low !== null && high !== null ? `, interval ${formatDifference(low)} to ${formatDifference(high)}` : ''
  return (
    <tr>
      <th scope="row">
        {name} <span className="dim">{wordsFrom(metric)}</span>
        <small className="dim">{required}</small>
      </th>
      <td className="number">{formatCount(rows)}</td>
      <td className="number">{champion === null ? NONE : formatMetric(champion)}</td>
      <td className="number">{challenger === null ? NONE : formatMetric(challenger)}</td>
      <td className="number">{difference === null ? NONE : formatDifference(difference)}</td>
      <td>
        <Whisker
          value={difference}
          low={low}
          high={high}
          reach={reach}
          tone={tone}
          label={difference === null ? 'not measured' : `difference ${formatDifference(difference)}${interval}`}
        />
      </td>
      <td>
        <Pill tone={tones[outcome]}>{outcomes[outcome]}</Pill>
      </td>
    </tr>
  )
}
