import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { advanceErrorDetector, createErrorDetector } from '../../src/lib/drift/streaming/error-detector.ts'
import { createRandom } from '../../src/lib/random.ts'
import { featureDelays, shifts } from './feature-delays.ts'
import { errorWatch } from './own-detectors.ts'
import { type Line, svgOf } from './plot.ts'
import { outcomeOf, scenarios, streamsOf } from './streams.ts'
import { quantileOf } from './table.ts'

/**
 * Draws the plots of docs/false-alarm-budget.md:
 *   node bench/drift/budget-plots.ts
 * Delays are medians over 300 streams for the error and 40 for features; run lengths are of 2,000 calm streams.
 */
const BUDGETS = [1_000, 10_000, 100_000, 1_000_000] as const
const folder = path.resolve(import.meta.dirname, '../../docs/images')

function delayLines(): Line[] {
  const ofErrors = scenarios.slice(0, 3).map((scenario): Line => {
    const values = streamsOf(scenario, 300)
    const [before, after] = scenario.rates!
    const points = BUDGETS.map((budget) => [budget, quantileOf(outcomeOf('', values, errorWatch(budget)).delays, 0.5)] as const)
    return { name: `error ${before} → ${after}`, points }
  })
  const ofFeatures = shifts.slice(0, 2).map((shift): Line => {
    const points = BUDGETS.map((budget) => [budget, quantileOf(featureDelays(shift, 40, budget).delays, 0.5)] as const)
    return { name: shift.name, points, dashed: true }
  })
  return [...ofErrors, ...ofFeatures]
}

const [BUDGET, ROWS, STREAMS, BLOCK] = [10_000, 40_000, 2_000, 10]

/** The row of the first alarm on a calm stream of errors at 0.2; infinite when there is none. */
function runLength(stream: number): number {
  const random = createRandom(`run length ${stream}`)
  const detector = createErrorDetector({
    baselineRate: random.binomial(2_000, 0.2) / 2_000,
    baselineSampleSize: 2_000,
    falseAlarmEveryRows: BUDGET,
  })
  for (let row = BLOCK; row <= ROWS; row += BLOCK) if (advanceErrorDetector(detector, random.binomial(BLOCK, 0.2), BLOCK).alarm) return row
  return Number.POSITIVE_INFINITY
}

function runLengthLines(): Line[] {
  const lengths = Array.from({ length: STREAMS }, (_, stream) => runLength(stream))
  const rows = Array.from({ length: 41 }, (_, i) => (i * ROWS) / 40)
  const share = (row: number) => lengths.filter((length) => length <= row).length / STREAMS
  return [
    { name: 'measured', points: rows.map((row) => [row, 100 * share(row)]) },
    { name: 'promised at most', points: rows.map((row) => [row, 100 * (0.1 + (0.9 * row) / BUDGET)] as const), dashed: true },
    { name: 'if the budget were used up', points: rows.map((row) => [row, 100 * (1 - Math.exp(-row / BUDGET))]), dashed: true },
  ]
}

writeFileSync(
  path.join(folder, 'budget-delay.svg'),
  svgOf(
    'What a rarer false alarm costs: rows from the change to the alarm',
    { title: 'budget: rows between false alarms', log: true, ticks: [...BUDGETS] },
    { title: 'median delay, rows', log: true, ticks: [20, 50, 100, 200, 500, 1_000, 2_000] },
    delayLines(),
  ),
)
writeFileSync(
  path.join(folder, 'budget-run-length.svg'),
  svgOf(
    'Calm streams with a false alarm so far, budget 10,000 rows',
    { title: 'rows', log: false, ticks: [0, 10_000, 20_000, 30_000, 40_000] },
    { title: 'share of streams, %', log: false, ticks: [0, 20, 40, 60, 80, 100] },
    runLengthLines(),
  ),
)
