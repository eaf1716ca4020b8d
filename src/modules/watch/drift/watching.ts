import type { FalseAlarmBudget } from '../../../contract/drift.ts'
import {
  advanceDetector,
  createDetector,
  type Detector,
  type DetectorState,
  detectorState,
  resetDetector,
  restoreDetector,
} from '../../../lib/stats/e-detector.ts'
import { advanceErrorDetector, createErrorDetector, errorDetectorState, resetErrorDetector } from '../../../lib/stats/error-detector.ts'
import { createSketch, observe, resetSketch } from '../../../lib/stats/sketch.ts'
import type { PredictionBatch } from '../telemetry/index.ts'
import type { Shown, SignalState, StoredMonitor, StoredProfile } from './store.ts'

/** Rows per block of the detector: small enough that a shift is seen within a fraction of a second at a few thousand rows a second. */
const BLOCK_ROWS = 64
/** Both signals share the budget, so each gets half: twice the rows. */
const SIGNALS = 2
const MOST_DETECTORS = 100

const nothingShown: Shown = { rows: 0, evidence: 0, threshold: 0, streams: [] }
export const freshSignal = { detector: null, crossings: 0, detection: null, shown: nothingShown } as const

/** The budget as an expected number of rows between false alarms. */
export function budgetRows(budget: FalseAlarmBudget): number {
  return 'everyRows' in budget ? budget.everyRows : budget.everyDays * 86_400 * budget.requestsPerSecond
}

/** A crossing of the threshold at one row of a batch. */
export type Crossing = { readonly atMs: number; readonly shown: Shown }
export type Watched<S> = { readonly signal: SignalState<S>; readonly crossings: readonly Crossing[] }

/** The detector of a reference and a budget, in the state given. Making one costs much more than using it, so at most 100 are kept. */
export type Detectors = (reference: StoredProfile, spec: StoredMonitor['spec'], state: DetectorState | null) => Detector

export function createDetectors(): Detectors {
  const kept = new Map<string, Detector>()
  return ({ profile, digest }, { falseAlarmBudget, tolerance }, state) => {
    const falseAlarmEveryRows = budgetRows(falseAlarmBudget) * SIGNALS
    const key = `${digest}/${falseAlarmEveryRows}/${tolerance.features}`
    const detector = kept.get(key) ?? createDetector({ profile, falseAlarmEveryRows, tolerance: tolerance.features })
    kept.delete(key)
    kept.set(key, detector)
    if (kept.size > MOST_DETECTORS) kept.delete(kept.keys().next().value!)
    if (state) restoreDetector(detector, state)
    else resetDetector(detector)
    return detector
  }
}

/**
 * Takes the rows of a batch, in blocks, into the feature detector. After a crossing the detector starts from nothing, so
 * that a second crossing is evidence from new rows only.
 */
export function watchFeatures(
  detectors: Detectors,
  monitor: StoredMonitor,
  reference: StoredProfile,
  batches: readonly PredictionBatch[],
): Watched<NonNullable<StoredMonitor['features']['detector']>> {
  const { profile } = reference
  const detector = detectors(reference, monitor.spec, monitor.features.detector)
  const sketch = createSketch(profile)
  const width = profile.features.length
  const row = new Float32Array(width)
  const crossings: Crossing[] = []
  let shown = monitor.features.shown
  const play = (atMs: number) => {
    const reading = advanceDetector(detector, sketch)
    resetSketch(sketch)
    const streams = [...reading.perStream]
      .sort((a, b) => b.evidence - a.evidence)
      .map(({ name, evidence, share }) => ({ stream: name, evidence, share }))
    shown = { rows: reading.rows, evidence: reading.family, threshold: reading.threshold, streams }
    if (!reading.alarm) return
    crossings.push({ atMs, shown })
    resetDetector(detector)
  }
  for (const batch of batches) {
    for (let i = 0; i < batch.rows; i++) {
      const from = batch.ends[i - 1] ?? 0
      if (batch.ends[i]! - from !== width - 1) continue
      row.set(batch.features.subarray(from, batch.ends[i]!))
      row[width - 1] =
        batch.version === monitor.version
          ? batch.scores[i]!
          : batch.otherVersions[i] === monitor.version
            ? batch.otherScores[i]!
            : Number.NaN
      observe(sketch, row)
      if (sketch.rows === BLOCK_ROWS) play(batch.atMs[i]!)
    }
  }
  if (sketch.rows > 0) play(batches.at(-1)!.atMs[batches.at(-1)!.rows - 1]!)
  return {
    signal: { ...monitor.features, detector: detectorState(detector), shown, crossings: monitor.features.crossings + crossings.length },
    crossings,
  }
}

/** Takes labelled rows into the error detector: each either right or wrong, as the watched version scored it. */
export function watchErrors(
  monitor: StoredMonitor,
  reference: StoredProfile,
  rows: readonly { atMs: number; wrong: boolean }[],
): Watched<NonNullable<StoredMonitor['error']['detector']>> {
  const detector = createErrorDetector(
    {
      baselineRate: reference.labelErrors / reference.labelRows,
      baselineSampleSize: reference.labelRows,
      tolerance: monitor.spec.tolerance.error,
      falseAlarmEveryRows: budgetRows(monitor.spec.falseAlarmBudget) * SIGNALS,
    },
    monitor.error.detector ?? undefined,
  )
  const crossings: Crossing[] = []
  let shown = monitor.error.shown
  for (let from = 0; from < rows.length; from += BLOCK_ROWS) {
    const block = rows.slice(from, from + BLOCK_ROWS)
    const reading = advanceErrorDetector(detector, block.filter((row) => row.wrong).length, block.length)
    shown = {
      rows: reading.rows,
      evidence: reading.evidence,
      threshold: reading.threshold,
      streams: [{ stream: 'labelled error', evidence: reading.evidence, share: 1 }],
    }
    if (!reading.alarm) continue
    crossings.push({ atMs: block.at(-1)!.atMs, shown })
    resetErrorDetector(detector)
  }
  return {
    signal: { ...monitor.error, detector: errorDetectorState(detector), shown, crossings: monitor.error.crossings + crossings.length },
    crossings,
  }
}
