import type { Detection, FalseAlarmBudget, MonitorSpec, Review } from '../../../contract/drift.ts'
import { poissonInterval } from '../../../lib/stats/poisson.ts'

type Reviewed = {
  readonly monitor: string
  readonly spec: MonitorSpec
  readonly sinceMs: number
  readonly untilMs: number
  /** Served in that time. */
  readonly rows: number
  readonly detections: readonly Detection[]
  /** Incidents of a worse model that began without a detection before them. */
  readonly missed: number
}

const DAY_MS = 86_400_000
const SIDE_ERROR = 0.025

/**
 * A monitor’s alarms over some months against its budget. Alarms that nobody judged count as neither; advice is given where the judged false
 * ones cannot well be chance under the budget, by the exact interval of a Poisson rate (Garwood 1936), and where alarms were missed.
 */
export function reviewOf({ monitor, spec, sinceMs, untilMs, rows, detections, missed }: Reviewed): Review {
  const count = (verdict: string) => detections.filter(({ judgement }) => judgement?.verdict === verdict).length
  const [trueAlarms, falseAlarms] = [count('true_alarm'), count('false_alarm')]
  const unjudged = detections.length - trueAlarms - falseAlarms
  const expectedFalseAlarms = expectedIn(spec.falseAlarmBudget, rows, untilMs - sinceMs)
  const { low } = poissonInterval(falseAlarms, SIDE_ERROR)
  const over = low > expectedFalseAlarms
  const advice = [
    ...(unjudged > 0 ? [`${unjudged} detections were not judged; say what they were with "setpoint drift judge-detection"`] : []),
    ...(over
      ? [
          `${falseAlarms} false alarms where the budget expects ${shown(expectedFalseAlarms)}: the reference no longer describes normal traffic; freeze a season, take the reference over whole cycles, or raise the tolerance`,
        ]
      : []),
    ...(missed > 0
      ? [`${missed} incidents of a worse model began without a detection: lower the tolerance, or allow more false alarms`]
      : []),
    ...(!over && missed === 0 && unjudged === 0 ? ['the alarms kept to the budget; nothing to change'] : []),
  ]
  return {
    monitor,
    sinceMs,
    untilMs,
    rows,
    detections: detections.length,
    trueAlarms,
    falseAlarms,
    unjudged,
    expectedFalseAlarms,
    missed,
    advice,
    suggested: over ? looser(spec) : missed > 0 ? stricter(spec) : null,
  }
}

function expectedIn(budget: FalseAlarmBudget, rows: number, ms: number): number {
  if ('everyRows' in budget) return rows / budget.everyRows
  return ms / DAY_MS / budget.everyDays
}

/** Half as much again of what may honestly move; the budget stays what the operator asked for. */
function looser({ falseAlarmBudget, tolerance }: MonitorSpec): Review['suggested'] {
  return { falseAlarmBudget, tolerance: { features: Math.min(0.5, tolerance.features * 1.5), error: Math.min(0.5, tolerance.error * 1.5) } }
}

function stricter({ falseAlarmBudget, tolerance }: MonitorSpec): Review['suggested'] {
  return { falseAlarmBudget, tolerance: { features: tolerance.features / 2, error: tolerance.error / 2 } }
}

function shown(value: number): string {
  return Number(value.toPrecision(2)).toString()
}
