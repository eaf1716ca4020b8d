import type { ObjectiveState } from '../../../src/contract/objectives.ts'
import { formatCount, formatLatency, formatMetric, formatPercent, metricNames, NONE } from '../format.ts'
import { Pill, type Tone } from './notes.tsx'

const tones: Readonly<Record<ObjectiveState['status'], Tone>> = { met: 'good', missed: 'bad', insufficient_data: 'unknown' }
const words: Readonly<Record<ObjectiveState['status'], string>> = { met: 'met', missed: 'missed', insufficient_data: 'too few rows' }

/** A set point beside what is measured: `F1 0.8961 ≥ 0.99 missed`. */
export function Objective({ objective: { name, spec, value, rows, direction, status } }: { objective: ObjectiveState }) {
  const shown = (number: number) => shownValue(spec.metric, number)
  return (
    <div
      className="objective"
      title={`objective ${name}: the last ${spec.windowMinutes} min, ${formatCount(rows)} rows, at least ${spec.minRows} needed`}
    >
      <span className="metric">{metricNames[spec.metric]}</span>
      <span className="figure strong">{value === null ? NONE : shown(value)}</span>
      <span className="figure dim">
        {direction === 'at_least' ? '≥' : '≤'} {withoutZeros(shown(spec.target))}
      </span>
      <Pill tone={tones[status]}>{words[status]}</Pill>
    </div>
  )
}

function shownValue(metric: ObjectiveState['spec']['metric'], value: number): string {
  switch (metric) {
    case 'latency_p99_ms':
      return formatLatency(value * 1_000)
    case 'error_rate':
    case 'label_coverage':
      return formatPercent(value)
    default:
      return formatMetric(value)
  }
}

/** A target as a person wrote it: `0.99`, not `0.9900`. */
function withoutZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\s|$)/, '$1').replace(/\.(?=\s|$)/, '')
}
