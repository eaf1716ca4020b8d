import { parentPort, workerData } from 'node:worker_threads'
import { profileFrom } from '../../../../lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../../../lib/drift/profile/sketch.ts'
import { advanceErrorDetector, createErrorDetector, forgetErrorEvidence } from '../../../../lib/drift/streaming/error-detector.ts'
import { advanceDetector, createDetector, forgetEvidence } from '../../../../lib/drift/streaming/feature-detector.ts'
import { type SimulationOptions, type SimulationResult, simulate, type Watch } from '../../../../lib/drift/streaming/simulate.ts'

/** Rows to resample, column by column, and the settings of the detector to try on them. */
type SignalTask = {
  readonly tolerance: number
  readonly blockRows: number
  readonly options: Omit<SimulationOptions, 'create'>
}

/** Both signals of a monitor; the error’s only column is 1 where the version was wrong, and null where it cannot be watched. */
export type SimulateTask = { readonly features: SignalTask & { readonly names: readonly string[] }; readonly error: SignalTask | null }
export type SimulateResult = { readonly features: SimulationResult; readonly error: SimulationResult | null }

const { features, error } = workerData as SimulateTask
const result: SimulateResult = {
  features: finished(simulate({ ...features.options, create: featureWatch })),
  error: error && finished(simulate({ ...error.options, create: errorWatch(error) })),
}
parentPort!.postMessage(result)

function finished<T>(running: Generator<unknown, T>): T {
  for (;;) {
    const step = running.next()
    if (step.done) return step.value
  }
}

/** The feature detector as a monitor runs it, in blocks. */
function featureWatch(columns: readonly Float64Array[]): Watch {
  const { names, tolerance, blockRows, options } = features
  const profile = profileFrom(
    names,
    columns.map((column) => Float32Array.from(column)),
  )
  const detector = createDetector({ profile, falseAlarmEveryRows: options.falseAlarmEveryRows, tolerance })
  const sketch = createSketch(profile)
  return (row) => {
    observe(sketch, row)
    if (sketch.rows < blockRows) return false
    const { alarm } = advanceDetector(detector, sketch)
    resetSketch(sketch)
    if (alarm) forgetEvidence(detector)
    return alarm
  }
}

/** The detector of the labelled error as a monitor runs it, in blocks, over the reference that it is given. */
function errorWatch({ tolerance, blockRows, options }: SignalTask): SimulationOptions['create'] {
  return ([errors]) => {
    const baselineRate = errors!.reduce((sum, one) => sum + one, 0) / errors!.length
    const { falseAlarmEveryRows } = options
    const detector = createErrorDetector({ baselineRate, baselineSampleSize: errors!.length, tolerance, falseAlarmEveryRows })
    let rows = 0
    let wrong = 0
    return ([one]) => {
      rows += 1
      wrong += one!
      if (rows < blockRows) return false
      const { alarm } = advanceErrorDetector(detector, wrong, rows)
      rows = wrong = 0
      if (alarm) forgetErrorEvidence(detector)
      return alarm
    }
  }
}
