import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { checkCalibration } from '../../../lib/drift/estimation/calibration-check.ts'
import { errorsOf, inputsOf } from '../../../lib/drift/estimation/direct-loss.ts'
import { expectLosses, tableAlong } from '../../../lib/drift/estimation/loss-model.ts'
import { reconcile } from '../../../lib/drift/estimation/reconcile.ts'
import { LEAST_LABELLED_ROWS } from '../../../lib/drift/estimation/window-rows.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import type { Estimates } from './estimates.ts'
import { type Judge, rowsBy } from './judge.ts'
import { type FittedReference, isFitted } from './reference.ts'
import { realisedError } from './standing.ts'
import * as store from './store.ts'

type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly documents: Documents
  readonly telemetry: Pick<Telemetry, 'sampleRows'>
}

const MOST_LOOKED_AT = 200
const CALIBRATED_OVER_MS = 30 * 86_400_000
const CALIBRATED_ROWS = 5_000

/** Holds what estimates rest on against labels: on the reference, and on rows of the last thirty days. */
export function createCalibration({ sql, clock, documents, telemetry }: Deps, judge: Judge): Estimates['calibration'] {
  return async ({ monitor }, { project }) => {
    const document = await documents.need('Monitor', project, monitor)
    const { version, kept, problem } = await judge.targetOf(document)
    if (version === null || !isFitted(kept)) throw new AppError('conflict', `Monitor ${monitor} has nothing to check: ${problem}`)
    const nowMs = clock.now()
    const stretch = { fromMs: Math.max(0, nowMs - CALIBRATED_OVER_MS), toMs: nowMs + 1 }
    const sampled = await telemetry.sampleRows({ project, deployment: document.spec.deployment, ...stretch, limit: CALIBRATED_ROWS })
    const isLabel = (label: number) => (kept.kind === 'regression' ? Number.isFinite(label) : label === 0 || label === 1)
    const rows = rowsBy(
      sampled.filter(({ label }) => isLabel(label)),
      version,
      kept.features.length,
    )
    const stored = (await store.newestWindows(sql, project, monitor, MOST_LOOKED_AT)).filter(
      ({ estimate }) => estimate.modelVersion === version,
    )
    const { chunks, verdict, text } = reconcile(stored.flatMap(reconciled))
    return {
      monitor,
      modelVersion: version,
      faults: kept.reference.faults.map((fault) => fault.text),
      ...checkedOn(kept, rows),
      intervals: { windows: chunks.length, held: chunks.filter(({ inside }) => inside).length, verdict, text },
    }
  }
}

function checkedOn(kept: FittedReference, rows: ReturnType<typeof rowsBy>) {
  const enough = rows.scores.length >= LEAST_LABELLED_ROWS
  switch (kept.kind) {
    case 'classification':
      return {
        kind: kept.kind,
        calibrator: kept.reference.kind,
        reference: calibrationOf(kept.rows.scores, kept.rows.labels),
        current: enough ? calibrationOf(rows.scores, rows.labels) : null,
      }
    case 'regression': {
      const { absolute } = kept.reference
      return {
        kind: kept.kind,
        explained: absolute.heldOut.explained,
        reference: { rows: kept.reference.rows, table: [...absolute.heldOut.table] },
        current: enough ? lossesOf(kept.reference, rows) : null,
      }
    }
  }
}

function lossesOf(
  { absolute }: Extract<FittedReference, { kind: 'regression' }>['reference'],
  { columns, scores, labels }: ReturnType<typeof rowsBy>,
) {
  const expected = expectLosses(absolute, inputsOf({ features: columns, predictions: scores }))
  return { rows: scores.length, table: tableAlong(scores, errorsOf({ predictions: scores, labels }), expected) }
}

function reconciled({ estimate, expectedError }: store.StoredWindow) {
  const realised = realisedError(estimate)
  if (realised === undefined || expectedError === null) return []
  const { value, low, high } = expectedError
  return [{ chunk: String(estimate.fromMs), estimate: value, low, high, realised }]
}

function calibrationOf(scores: ArrayLike<number>, labels: ArrayLike<number>) {
  const { rows, expectedCalibrationError, spiegelhalter, reliability } = checkCalibration(scores, labels)
  const table = reliability.map(({ low, high, rows, meanProbability, observedRate }) => ({
    from: low,
    to: high,
    rows,
    meanScore: meanProbability,
    observed: observedRate,
  }))
  return { rows, expectedCalibrationError, spiegelhalterP: spiegelhalter?.pValue ?? null, table }
}
