import { parentPort, workerData } from 'node:worker_threads'
import { profileFrom } from '../../../../lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../../../lib/drift/profile/sketch.ts'
import { advanceDetector, createDetector, forgetEvidence } from '../../../../lib/drift/streaming/feature-detector.ts'
import { type SimulationOptions, simulate, type Watch } from '../../../../lib/drift/streaming/simulate.ts'

/** Rows to resample, column by column, and the detector to try on them. */
export type SimulateTask = {
  readonly names: readonly string[]
  readonly tolerance: number
  readonly blockRows: number
  readonly options: Omit<SimulationOptions, 'create'>
}

const { names, tolerance, blockRows, options } = workerData as SimulateTask
parentPort!.postMessage(finished(simulate({ ...options, create: watchOver })))

function finished<T>(running: Generator<unknown, T>): T {
  for (;;) {
    const step = running.next()
    if (step.done) return step.value
  }
}

/** The feature detector as a monitor runs it, in blocks. */
function watchOver(columns: readonly Float64Array[]): Watch {
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
