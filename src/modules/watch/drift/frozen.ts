import { createHash } from 'node:crypto'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import { taskOf } from '../../../lib/drift/estimation/task.ts'
import { profileFrom } from '../../../lib/drift/profile/profile.ts'
import type { StoredProfile } from './store.ts'
import { referenceTable } from './tables.ts'

/** The labelled rows a version was registered with, and the scores that the version gives them. */
export type Sample = {
  readonly features: readonly string[]
  readonly rows: LabelledMatrix
  readonly scores: Float32Array
  readonly threshold: number
}

/** What is kept of a sample; `table` is the whole of it in little, as JSON. */
export type Frozen = Omit<StoredProfile, 'frozenAt' | 'table'> & { readonly table: string }

/**
 * The profile of a sample’s features and, last, of the scores it got; and how many rows the version got wrong. A score above
 * or below a threshold says whether one of two classes is meant: of a regression, or of more classes, no labelled rows count, and
 * labels of its traffic are not watched as errors.
 */
export function frozenFrom(sample: Sample): Frozen {
  const { features, rows, scores, threshold } = sample
  const width = features.length
  const columns = features.map((_, i) => Float32Array.from({ length: rows.rows }, (_row, row) => rows.values[row * width + i]!))
  const profile = profileFrom([...features, 'score'], [...columns, scores])
  const digest = createHash('sha256').update(JSON.stringify(profile)).digest('hex')
  const table = JSON.stringify(referenceTable({ ...sample, watched: profile }))
  if (taskOf(rows.labels, scores) !== 'binary') return { digest, profile, table, labelRows: 0, labelErrors: 0 }
  const labelErrors = rows.labels.reduce((errors, label, row) => errors + Number(scores[row]! >= threshold !== label >= 0.5), 0)
  return { digest, profile, table, labelRows: rows.rows, labelErrors }
}
