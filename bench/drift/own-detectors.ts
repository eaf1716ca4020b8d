import { profileFrom } from '../../src/lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../src/lib/drift/profile/sketch.ts'
import { advanceErrorDetector, createErrorDetector, forgetErrorEvidence } from '../../src/lib/drift/streaming/error-detector.ts'
import { advanceDetector, createDetector, forgetEvidence } from '../../src/lib/drift/streaming/feature-detector.ts'
import { createStreamingDetector, type StreamingSetting } from '../../src/lib/drift/streaming/registry.ts'
import { createRandom } from '../../src/lib/random.ts'
import { type Outcome, outcomeOf, type Scenario, type Watch } from './streams.ts'

const BUDGETS = [30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] as const
const TOLD_THRESHOLDS = [100, 1_000] as const
/** A look every so many rows, which is part of the delay. */
const BLOCK_ROWS = 2

export function errorWatch(falseAlarmEveryRows: number): (reference: Float64Array) => Watch {
  return (reference) => {
    const baselineRate = reference.reduce((sum, error) => sum + error, 0) / reference.length
    const detector = createErrorDetector({ baselineRate, baselineSampleSize: reference.length, falseAlarmEveryRows })
    return (error) => {
      const { alarm } = advanceErrorDetector(detector, error, 1)
      if (alarm) forgetErrorEvidence(detector)
      return alarm
    }
  }
}

function featureWatch(falseAlarmEveryRows: number): (reference: Float64Array) => Watch {
  return (reference) => {
    const profile = profileFrom(['x'], [Float64Array.from(reference)])
    const detector = createDetector({ profile, falseAlarmEveryRows, tolerance: 0 })
    const block = createSketch(profile)
    const row = new Float64Array(1)
    return (value) => {
      row[0] = value
      observe(block, row)
      if (block.rows < BLOCK_ROWS) return false
      const { alarm } = advanceDetector(detector, block)
      resetSketch(block)
      if (alarm) forgetEvidence(detector)
      return alarm
    }
  }
}

/** A detector behind the port, which sees the reference first. */
export function portWatch(setting: StreamingSetting): (reference: Float64Array) => Watch {
  return (reference) => {
    const detector = createStreamingDetector(setting)
    for (const value of reference) detector.update(value)
    return (value) => detector.update(value) === 'drift'
  }
}

/** Knows nothing and alarms every so often: what any detector has to beat. */
export function dummyWatch(everyRows: number, seed: string): () => Watch {
  const random = createRandom(seed)
  return () => () => random.bernoulli(1 / everyRows)
}

/** The e-detector of the product, at several budgets. */
export function ladderOf({ sample }: Pick<Scenario, 'sample'>, values: Float64Array): Outcome[] {
  const create = sample === 'error' ? errorWatch : featureWatch
  return BUDGETS.map((budget) => outcomeOf(`e-detector, budget ${budget}`, values, create(budget)))
}

/**
 * The quickest that any detector of a sudden change can be at its rate of false alarms, up to chance: the CUSUM of Page (1954)
 * told both error rates, optimal by Moustakides (1986). Nobody is told them; it shows what there is left to gain.
 */
function toldWatch([before, after]: readonly [number, number], threshold: number): () => Watch {
  const [onError, onRight] = [after / before, (1 - after) / (1 - before)]
  return () => {
    let capital = 0
    return (error) => {
      capital = Math.max(capital, 1) * (error === 1 ? onError : onRight)
      if (capital < threshold) return false
      capital = 0
      return true
    }
  }
}

/** What else is ours and has no peer in Python that runs here, and the dummy. */
export function otherOutcomes({ sample, rates, shape }: Scenario, values: Float64Array): Outcome[] {
  const own: (readonly [string, StreamingSetting])[] =
    sample === 'error'
      ? [
          ['STEPD', { kind: 'stepd' }],
          ['MDDM-A', { kind: 'mddm' }],
          ['MDDM-G', { kind: 'mddm', weights: 'G' }],
          ['MDDM-E', { kind: 'mddm', weights: 'E' }],
        ]
      : [
          ['e-rank, budget 10000', { kind: 'e-rank' }],
          ['conformal jumper, budget 10000', { kind: 'conformal' }],
        ]
  const told =
    rates && shape === 'abrupt'
      ? TOLD_THRESHOLDS.map((at) => [`CUSUM told ${rates.join(' and ')}, at ${at}`, toldWatch(rates, at)] as const)
      : []
  return [
    ...told.map(([name, create]) => outcomeOf(name, values, create)),
    ...own.map(([name, setting]) => outcomeOf(`${name} (ours)`, values, portWatch(setting))),
    outcomeOf('dummy, 1 in 10,000', values, dummyWatch(10_000, 'dummy')),
  ]
}
