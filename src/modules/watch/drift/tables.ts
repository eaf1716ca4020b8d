import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import type { FeatureProfile, Profile } from '../../../lib/drift/profile/profile.ts'
import { profileFrom } from '../../../lib/drift/profile/profile.ts'
import type { ColumnHead } from '../../../lib/drift/profile/table.ts'
import {
  createProfiler,
  frameOf,
  PROFILE_FORMAT,
  type ProfileFrame,
  profileChunk,
  profileOf,
  type TableProfile,
} from '../../../lib/drift/profile/table-profile.ts'
import type { ColumnReport } from '../../../lib/drift/report/report.ts'
import { createRandom } from '../../../lib/random.ts'
import type { SampledRow } from '../telemetry/index.ts'

/** What a model gives, and what turned out to be true, beside its features; the parentheses keep them from a feature’s name. */
const outputs = { score: '(score)', prediction: '(prediction)', label: '(label)' } as const

/** What each column is to the model, for a report. */
export const outputRoles: Readonly<Record<string, ColumnReport['role']>> = Object.fromEntries(
  Object.entries(outputs).map(([role, name]) => [name, role as ColumnReport['role']]),
)

/** Rows of the reference that are kept whole, and values in all of them together. */
const SAMPLE_ROWS = 5_000
const SAMPLE_VALUES = 2_000_000

/** The reference rows of a version in little: the bins that its features are watched in, and its outputs and labels. */
export function referenceTable({
  features,
  rows,
  scores,
  threshold,
  watched,
}: {
  readonly features: readonly string[]
  readonly rows: LabelledMatrix
  readonly scores: Float32Array
  readonly threshold: number
  /** The features’ bins and, last, the score’s. */
  readonly watched: Profile
}): TableProfile {
  const width = features.length
  const columns = [
    ...features.map((_, f) => Float64Array.from({ length: rows.rows }, (_row, row) => rows.values[row * width + f]!)),
    Float64Array.from(scores),
    Float64Array.from(scores, (score) => predictionOf(score, threshold)),
    Float64Array.from(rows.labels),
  ]
  const others = profileFrom([outputs.prediction, outputs.label], columns.slice(-2))
  const named = [...watched.features.slice(0, width), { ...watched.features[width]!, name: outputs.score }, ...others.features]
  const profiler = createProfiler(frameOn(named, rows.rows), {
    random: createRandom('reference'),
    sampleRows: Math.min(SAMPLE_ROWS, Math.floor(SAMPLE_VALUES / columns.length)),
  })
  profileChunk(profiler, { rows: rows.rows, columns })
  return profileOf(profiler)
}

/** The reference of a version that was frozen before whole tables were: its bins, without a sample. */
export function tableFromBins({ features, sampleSize }: Profile): TableProfile {
  const columns = features.map((feature, f) => {
    const frame = f === features.length - 1 ? { ...feature, name: outputs.score } : feature
    const { name, min, max, mean, variance } = frame
    const counts = feature.expected.map((share) => Math.round(share * sampleSize))
    const missing = Math.max(0, sampleSize - counts.reduce((sum, count) => sum + count, 0))
    const outside = { below: 0, above: 0 }
    return {
      name,
      kind: 'numeric',
      missing,
      frame,
      counts,
      outside,
      min,
      max,
      mean,
      variance,
      wholeNumbers: false,
      unreadable: 0,
      quantiles: null,
    } as const
  })
  const sample = { capacity: 0, rows: sampleSize, priorities: [], columns: columns.map(() => []) }
  return { format: PROFILE_FORMAT, rows: sampleSize, columns, sample }
}

/** Rows of the traffic, as `version` answered them, over the bins of a reference. Rows of another width are left out. */
export function windowTable(
  reference: TableProfile,
  rows: readonly SampledRow[],
  { version, threshold, sampleRows = rows.length }: { readonly version: number; readonly threshold: number; readonly sampleRows?: number },
): TableProfile {
  const frame = frameOf(reference)
  const width = featuresOf(reference).length
  const fitting = rows.filter(({ features }) => features.length === width)
  const scores = fitting.map((row) => scoreBy(row, version))
  const columns = frame.columns.map(({ name }, c) => {
    if (name === outputs.score) return Float64Array.from(scores)
    if (name === outputs.prediction) return Float64Array.from(scores, (score) => predictionOf(score, threshold))
    if (name === outputs.label) return Float64Array.from(fitting, ({ label }) => label)
    return Float64Array.from(fitting, ({ features }) => features[c]!)
  })
  const profiler = createProfiler(frame, { random: createRandom('window'), sampleRows, quantiles: false })
  profileChunk(profiler, { rows: fitting.length, columns })
  return profileOf(profiler)
}

/** The names of a reference’s features, in the model’s order. */
export function featuresOf({ columns }: TableProfile): readonly string[] {
  return columns.map(({ name }) => name).filter((name) => outputRoles[name] === undefined)
}

/** What a version said of a row, whether it answered or only looked on; NaN where it did neither. */
export function scoreBy(row: Pick<SampledRow, 'version' | 'score' | 'otherVersion' | 'otherScore'>, version: number): number {
  return row.version === version ? row.score : row.otherVersion === version ? row.otherScore : Number.NaN
}

function predictionOf(score: number, threshold: number): number {
  return Number.isNaN(score) ? Number.NaN : Number(score >= threshold)
}

function frameOn(features: readonly FeatureProfile[], sampleSize: number): ProfileFrame {
  const columns = features.map(({ name }): ColumnHead => ({ name, kind: 'numeric' }))
  return { columns, numeric: { sampleSize, features } }
}

/** The whole rows that a reference keeps; who asked is not kept, so slices by actor or source have no reference of their own. */
export function sampledRowsOf({ columns, sample }: TableProfile): { features: number[]; score: number; actor: string; source: string }[] {
  const own = columns.flatMap((column, c) => (outputRoles[column.name] === undefined ? [c] : []))
  const score = columns.findIndex(({ name }) => name === outputs.score)
  const valueAt = (column: number, row: number) => (sample.columns[column]![row] as number | null) ?? Number.NaN
  return sample.priorities.map((_, row) => ({
    features: own.map((c) => valueAt(c, row)),
    score: valueAt(score, row),
    actor: '',
    source: '',
  }))
}

/** Whether a reference keeps all of its rows whole, and so in their order; of more than it keeps they are drawn by chance. */
export function isWhole({ sample }: TableProfile): boolean {
  return sample.rows === sample.priorities.length
}

/** For each whole row that a reference keeps, whether the version was wrong on it: 1 or 0. Nothing where it keeps no outcomes. */
export function sampledErrorsOf({ columns, sample }: TableProfile): Float64Array | undefined {
  const [predictions, labels] = [outputs.prediction, outputs.label].map((name) => {
    const column = columns.findIndex((one) => one.name === name)
    return column < 0 ? undefined : (sample.columns[column] as readonly (number | null)[])
  })
  if (!predictions || !labels) return undefined
  return Float64Array.from(predictions, (prediction, row) => Number((prediction ?? 0) >= 0.5 !== (labels[row] ?? 0) >= 0.5))
}
