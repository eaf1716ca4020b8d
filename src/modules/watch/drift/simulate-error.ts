import { messageFrom } from '../../../contract/errors.ts'
import type { TableProfile } from '../../../lib/drift/profile/table-profile.ts'
import { createErrorDetector } from '../../../lib/drift/streaming/error-detector.ts'
import type { Shift } from '../../../lib/drift/streaming/simulate.ts'
import type { StoredProfile } from './store.ts'
import { isWhole, sampledErrorsOf } from './tables.ts'

/** The labelled error of a reference, ready to be drawn from: 1 where the version was wrong, one value a labelled row. */
export type ErrorRows = {
  readonly errors: Float64Array
  /** `rows` are in the order of the reference; of a mere `error_rate` neighbours say nothing. */
  readonly draws: 'rows' | 'error_rate'
}

/** What the error rate is multiplied by, and raised by, to see how soon it is noticed. */
const FACTORS = [1.25, 1.5, 2] as const
const POINTS = 0.05

/**
 * The errors that a version made on its reference: its rows where all of them are kept, otherwise as many errors in as many rows
 * as were counted. Or why the labelled error cannot be watched.
 */
export function errorRowsOf(
  { labelRows, labelErrors }: StoredProfile,
  table: TableProfile,
  detector: { readonly tolerance: number; readonly falseAlarmEveryRows: number },
): ErrorRows | { readonly problem: string } {
  if (labelRows === 0) return { problem: 'the reference has no labels, so the labelled error is not watched' }
  try {
    createErrorDetector({ ...detector, baselineRate: labelErrors / labelRows, baselineSampleSize: labelRows })
  } catch (error) {
    if (error instanceof RangeError) return { problem: `the labelled error cannot be watched: ${messageFrom(error)}` }
    throw error
  }
  const kept = isWhole(table) ? sampledErrorsOf(table) : undefined
  if (kept?.length === labelRows) return { errors: kept, draws: 'rows' }
  return { errors: Float64Array.from({ length: labelRows }, (_, row) => Number(row < labelErrors)), draws: 'error_rate' }
}

export type ErrorRise = { readonly shift: Shift; readonly change: string }

/** The rises of the labelled error that are tried: by a quarter, by half, doubled and by five points, each once and below 1. */
export function risesOf(errors: Float64Array): ErrorRise[] {
  const rate = errors.reduce((sum, one) => sum + one, 0) / errors.length
  const raised = [...FACTORS.map((factor) => rate * factor), rate + POINTS].filter((to) => to > rate && to < 1)
  const distinct = [...new Map(raised.map((to) => [to.toPrecision(6), to])).values()]
  return distinct.map((to) => ({
    // So many of a hundred right rows become wrong that `to` of all are.
    shift: { kind: 'error', column: 0, points: (100 * (to - rate)) / (1 - rate) },
    change: `labelled error from ${shown(rate)} to ${shown(to)}`,
  }))
}

function shown(rate: number): string {
  return Number(rate.toPrecision(3)).toString()
}
