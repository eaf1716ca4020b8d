import { createRandom, type Random } from '../../src/lib/random.ts'

/** How a change comes: at once; in growing runs of the new; step by step; or for 500 rows, again and again. */
type Shape = 'abrupt' | 'gradual' | 'incremental' | 'recurring'

/** A stream of errors (1) and right rows (0), or of numbers, that is stable and then changes. */
export type Scenario = {
  readonly name: string
  readonly sample: 'error' | 'number'
  readonly shape: Shape
  /** The error rates before and after. */
  readonly rates?: readonly [number, number]
  /** A draw when the share `progress` of the change has come, from 0 to 1. */
  readonly draw: (random: Random, progress: number) => number
}

/** Every detector first sees `reference` stable rows. */
export const lengths = { reference: 2_000, stable: 5_000, changed: 2_000 } as const
const ROWS_TO_CHANGE = 1_000
const RUN_ROWS = 50
const RECURRING_ROWS = 500

const errors = (before: number, after: number, shape: Shape): Scenario => ({
  name: `labelled error ${before} → ${after}, ${shape}`,
  sample: 'error',
  shape,
  rates: [before, after],
  draw: (random, progress) => (random.bernoulli(before + (after - before) * progress) ? 1 : 0),
})
const numbers = (what: string, mean: number, deviation: number, shape: Shape): Scenario => ({
  name: `numeric feature, ${what}, ${shape}`,
  sample: 'number',
  shape,
  draw: (random, progress) => random.normal() * (1 + (deviation - 1) * progress) + mean * progress,
})

export const scenarios: readonly Scenario[] = [
  errors(0.2, 0.4, 'abrupt'),
  errors(0.2, 0.25, 'abrupt'),
  errors(0.02, 0.06, 'abrupt'),
  errors(0.2, 0.4, 'gradual'),
  errors(0.2, 0.4, 'incremental'),
  errors(0.2, 0.4, 'recurring'),
  numbers('mean by 0.5 deviations', 0.5, 1, 'abrupt'),
  numbers('mean by 0.5 deviations', 0.5, 1, 'incremental'),
  numbers('deviation times 1.5', 0, 1.5, 'abrupt'),
]

/** The streams of a scenario, one after the other. */
export function streamsOf({ name, shape, draw }: Scenario, streams: number): Float64Array {
  const { reference, stable, changed } = lengths
  const size = reference + stable + changed
  const values = new Float64Array(streams * size)
  for (let s = 0; s < streams; s++) {
    const random = createRandom(`${name} ${s}`)
    for (let row = 0; row < size; row++) values[s * size + row] = draw(random, progressAt(row - reference - stable, shape, random))
  }
  return values
}

function progressAt(row: number, shape: Shape, random: Random): number {
  if (row < 0) return 0
  switch (shape) {
    case 'abrupt':
      return 1
    case 'incremental':
      return Math.min(1, row / ROWS_TO_CHANGE)
    case 'gradual':
      // Each run is all new with a chance that grows, by a draw that does not depend on the rows before.
      return random.fork(Math.floor(row / RUN_ROWS)).next() < row / ROWS_TO_CHANGE ? 1 : 0
    case 'recurring':
      return Math.floor(row / RECURRING_ROWS) % 2 === 0 ? 1 : 0
  }
}

/** What one detector did on the streams of one scenario. `delays` in rows after the change; infinite when it was missed. */
export type Outcome = {
  readonly detector: string
  readonly falseAlarms: number
  readonly stableRows: number
  readonly delays: readonly number[]
}

/** A detector: told each row in turn, it answers whether it alarms, and begins afresh when it does. */
export type Watch = (value: number) => boolean

export function outcomeOf(detector: string, values: Float64Array, create: (reference: Float64Array) => Watch): Outcome {
  const { reference, stable, changed } = lengths
  const size = reference + stable + changed
  let falseAlarms = 0
  const delays: number[] = []
  for (let at = 0; at < values.length; at += size) {
    const watch = create(values.subarray(at, at + reference))
    for (let row = reference; row < reference + stable; row++) if (watch(values[at + row]!)) falseAlarms++
    let delay = Number.POSITIVE_INFINITY
    for (let row = 0; row < changed && delay > row; row++) if (watch(values[at + reference + stable + row]!)) delay = row + 1
    delays.push(delay)
  }
  return { detector, falseAlarms, stableRows: (values.length / size) * stable, delays }
}
