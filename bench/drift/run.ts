import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { errorStreams, lengths, type Outcome, ownOutcomes, scenarios } from './error-streams.ts'
import { featureDelays, shifts } from './feature-delays.ts'
import { errorNullRuns, featureNullRuns, type NullRuns } from './null-runs.ts'
import { rolloutPower, rollouts } from './rollout-power.ts'
import { quantileText, rateText, tableOf } from './table.ts'

const usage = `Measures how long detectors take and how often they are wrong.
  node bench/drift/run.ts [--quick] [--python PATH]
--quick    a tenth of the streams
--python   a Python with numpy and river, for the peers; python3 if not given, and no peers if it has no river`

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, python: { type: 'string', default: 'python3' }, help: { type: 'boolean' } },
})
if (values.help) console.log(usage)
else run(values.quick ? 0.1 : 1, values.python)

function run(scale: number, python: string): void {
  console.log(`## Streams without change\n\n${nullTable(Math.round(1_000 * scale))}\n`)
  for (const scenario of scenarios) {
    const streams = Math.round(300 * scale)
    const bytes = errorStreams(scenario, streams)
    const outcomes = [...ownOutcomes(bytes), ...peerOutcomes(python, bytes)]
    console.log(`## Labelled error ${scenario.name}, ${streams} streams\n\n${outcomeTable(outcomes)}\n`)
  }
  console.log(`## Features, ${Math.round(100 * scale)} streams, budget 100,000\n\n${shiftTable(Math.round(100 * scale))}\n`)
  console.log(`## Rollout: is the challenger harmful? ${10_000 * scale} runs, alpha 0.05, 28 looks\n\n${rolloutTable(10_000 * scale)}`)
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
      ...[1_000, 10_000].map((budget) => row('12 features', budget, featureNullRuns(12, { ...options, rows: 20_000, budget }))),
      ...[1_000, 10_000, 100_000].map((budget) => row('labelled error', budget, errorNullRuns({ ...options, rows: 100_000, budget }))),
    ],
  )
}

function outcomeTable(outcomes: readonly Outcome[]): string {
  return tableOf(
    ['detector', 'streams', 'false alarms per 10,000', 'median delay', '90 % delay', 'missed'],
    outcomes.map(({ detector, falseAlarms, stableRows, delays }) => [
      detector,
      delays.length,
      rateText(falseAlarms, stableRows),
      quantileText(delays, 0.5),
      quantileText(delays, 0.9),
      `${Math.round((100 * delays.filter((delay) => !Number.isFinite(delay)).length) / delays.length)} %`,
    ]),
  )
}

/** River's detectors on the same streams; none, and a word why, when Python or River is not there. */
function peerOutcomes(python: string, bytes: Uint8Array): Outcome[] {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const file = join(folder, 'streams')
    writeFileSync(file, bytes)
    const script = join(import.meta.dirname, 'peers.py')
    const sizes = [lengths.reference, lengths.stable, lengths.changed].map(String)
    const text = execFileSync(python, [script, file, ...sizes], { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'pipe'] })
    type Peer = Omit<Outcome, 'delays'> & { readonly delays: readonly (number | null)[] }
    return (JSON.parse(text) as Peer[]).map((peer) => ({ ...peer, delays: peer.delays.map((delay) => delay ?? Number.POSITIVE_INFINITY) }))
  } catch (cause) {
    console.error(`no peers: ${String(cause).split('\n').at(-2) ?? cause}`)
    return []
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
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
