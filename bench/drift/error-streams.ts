import { createRandom } from '../../src/lib/random.ts'
import { advanceErrorDetector, createErrorDetector, resetErrorDetector } from '../../src/lib/stats/error-detector.ts'

/** A labelled error that is stable and then jumps. Every detector first sees `reference` stable rows. */
export type Scenario = { readonly name: string; readonly before: number; readonly after: number }

export const lengths = { reference: 2_000, stable: 5_000, changed: 2_000 } as const

export const scenarios: readonly Scenario[] = [
  { name: '0.2 → 0.4', before: 0.2, after: 0.4 },
  { name: '0.2 → 0.25', before: 0.2, after: 0.25 },
  { name: '0.02 → 0.06', before: 0.02, after: 0.06 },
]

/** What one detector did on the streams of one scenario. `delays` in rows after the change; infinite when it was missed. */
export type Outcome = {
  readonly detector: string
  readonly falseAlarms: number
  readonly stableRows: number
  readonly delays: readonly number[]
}

/** Errors (1) and correct rows (0), stream after stream. */
export function errorStreams(scenario: Scenario, streams: number): Uint8Array {
  const { reference, stable, changed } = lengths
  const size = reference + stable + changed
  const bytes = new Uint8Array(streams * size)
  for (let s = 0; s < streams; s++) {
    const random = createRandom(`${scenario.name} ${s}`)
    for (let row = 0; row < size; row++)
      bytes[s * size + row] = random.bernoulli(row < reference + stable ? scenario.before : scenario.after) ? 1 : 0
  }
  return bytes
}

/** A detector of ours: told each row in turn, it answers whether it alarms, and forgets when it does. */
type Watch = (error: number) => boolean

function eDetector(falseAlarmEveryRows: number): (reference: Uint8Array) => Watch {
  return (reference) => {
    const errors = reference.reduce((sum, error) => sum + error, 0)
    const detector = createErrorDetector({
      baselineRate: errors / reference.length,
      baselineSampleSize: reference.length,
      falseAlarmEveryRows,
    })
    return (error) => {
      const { alarm } = advanceErrorDetector(detector, error, 1)
      if (alarm) resetErrorDetector(detector)
      return alarm
    }
  }
}

/** Knows nothing and alarms every so often: what any detector has to beat. */
function dummy(everyRows: number, seed: string): () => Watch {
  const random = createRandom(seed)
  return () => () => random.bernoulli(1 / everyRows)
}

/** Runs our detectors, and the dummy, over the streams. */
export function ownOutcomes(bytes: Uint8Array): Outcome[] {
  return [
    ...[1_000, 5_000, 10_000, 100_000, 1_000_000].map((budget) => outcomeOf(`e-detector, budget ${budget}`, bytes, eDetector(budget))),
    outcomeOf('dummy, 1 in 10,000', bytes, dummy(10_000, 'dummy')),
  ]
}

function outcomeOf(detector: string, bytes: Uint8Array, create: (reference: Uint8Array) => Watch): Outcome {
  const { reference, stable, changed } = lengths
  const size = reference + stable + changed
  let falseAlarms = 0
  const delays: number[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const watch = create(bytes.subarray(at, at + reference))
    for (let row = reference; row < reference + stable; row++) if (watch(bytes[at + row]!)) falseAlarms++
    let delay = Number.POSITIVE_INFINITY
    for (let row = 0; row < changed && delay > row; row++) if (watch(bytes[at + reference + stable + row]!)) delay = row + 1
    delays.push(delay)
  }
  return { detector, falseAlarms, stableRows: (bytes.length / size) * stable, delays }
}
