import { parseArgs } from 'node:util'
import { hotPathTable, samplesTable } from './cost.ts'
import { demoChanges, demoDelays } from './demo-delays.ts'
import { elec2Table } from './elec2.ts'
import { outcomeTable } from './equal-rate.ts'
import { featureDelays, shifts } from './feature-delays.ts'
import { errorNullRuns, featureNullRuns, type NullRuns } from './null-runs.ts'
import { ladderOf, otherOutcomes } from './own-detectors.ts'
import { type Family, families, type Pythons, peerOutcomes } from './peers.ts'
import { rolloutPower, rollouts } from './rollout-power.ts'
import { scenarios, streamsOf } from './streams.ts'
import { quantileText, tableOf } from './table.ts'

const usage = `Measures how long detectors take, how often they are wrong, and what they cost.
  node bench/drift/run.ts [null] [delay] [features] [demo] [elec2] [cost] [rollout] [--quick] [--scale SHARE]
                          [--river PYTHON] [--evidently PYTHON] [--nannyml PYTHON] [--alibi PYTHON]
                          [--scenario TEXT] [--keep FOLDER]
Without a part's name, all parts.
--quick     a tenth of the streams; --scale any other share of them
--river …   a Python that has that library; a family without one is left out
--scenario  only the delay scenarios whose name contains the text
--keep      where to keep what the peers answered: asked again about the same streams, they are not run again`

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    scale: { type: 'string', default: '1' },
    help: { type: 'boolean' },
    scenario: { type: 'string', default: '' },
    keep: { type: 'string' },
    ...({ river: { type: 'string' }, evidently: { type: 'string' }, nannyml: { type: 'string' }, alibi: { type: 'string' } } as const),
  },
})

const parts: Readonly<Record<string, (scale: number, pythons: Pythons) => void>> = {
  null: (scale) => print(`Streams without change, ${Math.round(1_000 * scale)} each`, nullTable(Math.round(1_000 * scale))),
  delay: delays,
  features: (scale) => print(`Features, ${Math.round(100 * scale)} streams, budget 100,000`, shiftTable(Math.round(100 * scale))),
  demo: (scale) =>
    print(`The demo’s pages, the feature detector alone, ${Math.round(100 * scale)} streams`, demoTable(Math.round(100 * scale))),
  elec2: (_, { river }) => print('ELEC2: alarms in each ninth after the first tenth', elec2Table(river)),
  cost: (_, { river }) => {
    print('Cost of 31 features', hotPathTable())
    print('Cost of the streaming detectors', samplesTable(river))
  },
  rollout: (scale) =>
    print(`Rollout: is the challenger harmful? ${10_000 * scale} runs, alpha 0.05, 28 looks`, rolloutTable(10_000 * scale)),
}

const unknown = positionals.find((part) => !Object.hasOwn(parts, part))
const scale = given.quick ? 0.1 : Number(given.scale)
if (given.help) console.log(usage)
else if (unknown !== undefined || !(scale > 0)) {
  console.error(unknown === undefined ? `--scale is a number above 0, not ${given.scale}` : `there is no part ${unknown}\n${usage}`)
  process.exitCode = 2
} else run()

function run(): void {
  const pythons = Object.fromEntries(
    Object.keys(families).flatMap((family) => (given[family as Family] ? [[family, given[family as Family]]] : [])),
  )
  for (const family of Object.keys(families)) if (!(family in pythons)) console.error(`left out, ${family}: no --${family} PYTHON`)
  for (const part of positionals.length > 0 ? positionals : Object.keys(parts)) parts[part]!(scale, pythons)
}

function print(title: string, table: string | undefined): void {
  if (table !== undefined) console.log(`## ${title}\n\n${table}\n`)
}

function delays(share: number, pythons: Pythons): void {
  for (const scenario of scenarios.filter(({ name }) => name.includes(given.scenario))) {
    const values = streamsOf(scenario, Math.round(300 * share))
    const others = [...otherOutcomes(scenario, values), ...peerOutcomes(pythons, scenario, values, share, given.keep)]
    const name = `${scenario.name[0]!.toUpperCase()}${scenario.name.slice(1)}`
    print(`${name}, ${Math.round(300 * share)} streams`, outcomeTable(ladderOf(scenario, values), others))
  }
}

function nullTable(streams: number): string {
  const row = (name: string, budget: number, runs: NullRuns) => [
    name,
    budget,
    runs.streams,
    runs.rows,
    runs.alarms,
    runs.alarms > 0 ? Math.round(runs.rows / runs.alarms) : `over ${runs.rows}`,
    (runs.alarms / (runs.rows / budget)).toFixed(3),
  ]
  const options = { streams, referenceRows: 2_000 }
  return tableOf(
    ['watched', 'budget', 'streams', 'rows', 'false alarms', 'rows per false alarm', 'share of the budget used'],
    [
      ...[1_000, 10_000].map((budget) => row('12 features', budget, featureNullRuns(12, { ...options, rows: 5_000, budget }))),
      ...[1_000, 10_000, 100_000].map((budget) => row('labelled error', budget, errorNullRuns({ ...options, rows: 50_000, budget }))),
    ],
  )
}

function shiftTable(streams: number): string {
  return tableOf(
    ['change', 'early alarms', 'median delay', '90 % delay'],
    shifts.map((shift) => {
      const { delays, early } = featureDelays(shift, streams, 100_000)
      return [shift.name, early, quantileText(delays, 0.5), quantileText(delays, 0.9)]
    }),
  )
}

function demoTable(streams: number): string {
  return tableOf(
    ['from', 'to', 'early alarms', 'median delay', '90 % delay'],
    demoChanges.map((change) => {
      const { delays, early } = demoDelays(change, streams)
      return [change.from, change.to, early, quantileText(delays, 0.5), quantileText(delays, 0.9)]
    }),
  )
}

function rolloutTable(runs: number): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  return tableOf(
    ['truth', 'sequential', 'its median rows', 'z-test at every look', 'z-test once', 'its rows'],
    rollouts.map((rollout) => {
      const power = rolloutPower(rollout, runs)
      return [rollout.name, percent(power.sequential), power.medianRows, percent(power.peeking), percent(power.fixed), power.horizon]
    }),
  )
}
