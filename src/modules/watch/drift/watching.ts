import {
  advanceErrorDetector,
  createErrorDetector,
  errorDetectorState,
  forgetErrorEvidence,
  isErrorDetectorState,
} from '../../../lib/drift/streaming/error-detector.ts'
import type { PredictionBatch } from '../telemetry/index.ts'
import { budgetOf, stakeOf } from './budget.ts'
import { BLOCK_ROWS, type FeatureWatches, featureState, observeRow, playBlock, SIGNALS } from './feature-watch.ts'
import type { WatchedRow } from './other-detectors.ts'
import { bucketAt } from './season.ts'
import type { Shown, SignalState, StoredMonitor } from './store.ts'
import type { Opened } from './target.ts'

/** Labels are few, and one rate is cheap to watch: a smaller block costs little and is seen sooner. */
export const LABEL_BLOCK_ROWS = 8

const nothingShown: Shown = { rows: 0, evidence: 0, threshold: 0, streams: [] }
export const freshSignal = { detector: null, crossings: 0, detection: null, shown: nothingShown, lastMs: null } as const

/** A crossing of the threshold at one row of a batch. */
export type Crossing = { readonly atMs: number; readonly shown: Shown }
/** What a batch made of a signal; `rows` are for further detectors. */
export type Watched<S> = { readonly signal: SignalState<S>; readonly crossings: readonly Crossing[]; readonly rows: readonly WatchedRow[] }

/**
 * Takes the rows of a batch, in blocks, into the feature detector. After a crossing the detector's evidence starts from
 * nothing, so that a second crossing is evidence from new rows only.
 */
export function watchFeatures(
  watches: FeatureWatches,
  opened: Opened,
  batches: readonly PredictionBatch[],
): Watched<NonNullable<StoredMonitor['features']['detector']>> {
  const { monitor, season } = opened
  const watch = watches(opened, monitor.features.detector)
  const budget = budgetOf(monitor.spec.falseAlarmBudget)
  const partOf = (atMs: number) => (season ? bucketAt(monitor.spec.season, atMs) : 0)
  const width = opened.reference.profile.features.length
  const row = new Float32Array(width)
  const crossings: Crossing[] = []
  const others = monitor.spec.detectors.some(({ on }) => on === 'score')
  const rows: WatchedRow[] = []
  let { shown } = monitor.features
  let lastMs = monitor.features.lastMs ?? undefined
  let atMs = 0
  const play = () => {
    const block = playBlock(watch, stakeOf(budget, watch.sketch.rows, atMs, lastMs), partOf(atMs))
    lastMs = atMs
    shown = block.shown
    if (block.alarm) crossings.push({ atMs, shown })
  }
  for (const batch of batches) {
    for (let i = 0; i < batch.rows; i++) {
      const from = batch.ends[i - 1] ?? 0
      if (batch.ends[i]! - from !== width - 1) continue
      // A block lies within one part of the season.
      if (watch.sketch.rows === BLOCK_ROWS || (watch.sketch.rows > 0 && partOf(batch.atMs[i]!) !== partOf(atMs))) play()
      atMs = batch.atMs[i]!
      row.set(batch.features.subarray(from, batch.ends[i]!))
      row[width - 1] = scoreIn(batch, i, monitor.version!)
      if (others) rows.push({ atMs, score: row[width - 1]! })
      observeRow(watch, row, batch.actors[i]!, batch.sources[i]!)
    }
  }
  if (watch.sketch.rows > 0) play()
  return { signal: advanced(monitor.features, featureState(watch), shown, crossings.length, lastMs), crossings, rows }
}

function scoreIn(batch: PredictionBatch, row: number, version: number): number {
  if (batch.version === version) return batch.scores[row]!
  return batch.otherVersions[row] === version ? batch.otherScores[row]! : Number.NaN
}

function advanced<S>(before: SignalState<S>, detector: S, shown: Shown, crossings: number, lastMs: number | undefined): SignalState<S> {
  return { ...before, detector, shown, crossings: before.crossings + crossings, lastMs: lastMs ?? null }
}

export type LabelledRow = WatchedRow & { readonly wrong: boolean; readonly label: boolean }

/** Takes labelled rows into the error detector: each either right or wrong, as the watched version scored it. */
export function watchErrors(
  { monitor, reference }: Opened,
  rows: readonly LabelledRow[],
): Watched<NonNullable<StoredMonitor['error']['detector']>> {
  const budget = budgetOf(monitor.spec.falseAlarmBudget)
  const detector = createErrorDetector(
    {
      baselineRate: reference.labelErrors / reference.labelRows,
      baselineSampleSize: reference.labelRows,
      tolerance: monitor.spec.tolerance.error,
      falseAlarmEveryRows: budget.every * SIGNALS,
    },
    // A state that an older version left has another shape: the detector begins afresh.
    isErrorDetectorState(monitor.error.detector) ? monitor.error.detector : undefined,
  )
  const crossings: Crossing[] = []
  let { shown } = monitor.error
  let lastMs = monitor.error.lastMs ?? undefined
  for (let from = 0; from < rows.length; from += LABEL_BLOCK_ROWS) {
    const block = rows.slice(from, from + LABEL_BLOCK_ROWS)
    // Labels come in any order: time only goes on.
    const atMs = Math.max(lastMs ?? 0, block.at(-1)!.atMs)
    const stake = stakeOf(budget, block.length, atMs, lastMs)
    lastMs = atMs
    const reading = advanceErrorDetector(detector, block.filter((row) => row.wrong).length, block.length, stake)
    shown = {
      rows: reading.rows,
      evidence: reading.evidence,
      threshold: reading.threshold,
      streams: [{ stream: 'labelled error', evidence: reading.evidence, share: 1 }],
    }
    if (!reading.alarm) continue
    crossings.push({ atMs: block.at(-1)!.atMs, shown })
    forgetErrorEvidence(detector)
  }
  return { signal: advanced(monitor.error, errorDetectorState(detector), shown, crossings.length, lastMs), crossings, rows }
}
