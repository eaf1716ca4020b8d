import type { TableProfile } from '../profile/table-profile.ts'
import { withColumns } from '../profile/with-columns.ts'
import { blockFrom, type RowBlock } from '../two-sample/row-block.ts'
import { compareTables, defaultSettings } from './compare.ts'
import type { ComparedColumn } from './compare-columns.ts'
import { compareJointly, isJoint, MOST_JOINT_COLUMNS } from './joint.ts'
import type { ColumnReport, DriftReport, JointReport, ReportSettings, SegmentReport } from './report.ts'
import { compareEmbeddingColumn, compareTextColumn, type RichOptions, type TextSide } from './rich-columns.ts'
import { compareSampledSegments } from './sampled-segments.ts'

/** Columns that are one vector together, by a test of their names. */
export type EmbeddingChoice = { readonly name: string; readonly matches: (column: string) => boolean }

export type ComparisonPlan = {
  readonly names: { readonly reference: string; readonly current: string }
  readonly settings: Partial<ReportSettings>
  readonly roles: Readonly<Record<string, ColumnReport['role']>>
  readonly embeddings: readonly EmbeddingChoice[]
  readonly segment: string | undefined
  /** True and false as a person says; undefined when it is for the number of columns to decide. */
  readonly joint: boolean | undefined
  /** Segments that were compared elsewhere, instead of by a column. */
  readonly segments?: readonly SegmentReport[]
  readonly createdAt: number
}

/** Holds one profile against another: columns by their counts, prose and vectors by their sampled rows, all together, and by segment. */
export function compareProfiles(reference: TableProfile, current: TableProfile, plan: ComparisonPlan): DriftReport {
  const settings = { ...defaultSettings, ...plan.settings }
  const isVector = (name: string) => plan.embeddings.some(({ matches }) => matches(name))
  const isPlain = (name: string) => !isVector(name)
  const [before, after] = [withColumns(reference, isPlain), withColumns(current, isPlain)]
  const rich = { alpha: settings.alpha, columns: before.columns.length + plan.embeddings.length }
  const shared = before.columns.filter(
    (column) => isJoint(column) && after.columns.some(({ name, kind }) => name === column.name && kind === column.kind),
  )
  const features = shared.map(({ name }) => name).filter((name) => plan.roles[name] !== 'label')
  return compareTables({
    reference: before,
    current: after,
    names: plan.names,
    roles: plan.roles,
    settings: plan.settings,
    compared: [...textColumns(before, after, rich), ...vectorColumns(reference, current, plan.embeddings, rich)],
    joint: jointReport(before, after, features, plan.joint, settings),
    segments:
      plan.segment === undefined
        ? (plan.segments ?? [])
        : compareSampledSegments(before, after, plan.segment, features, {
            tolerance: settings.tolerance,
            leastRows: settings.leastRows,
            seed: 'segments',
          }),
    createdAt: plan.createdAt,
  })
}

function jointReport(
  before: TableProfile,
  after: TableProfile,
  names: readonly string[],
  wanted: boolean | undefined,
  settings: ReportSettings,
): JointReport | null {
  const possible = names.length >= 2 && names.length <= MOST_JOINT_COLUMNS
  const kept = before.sample.priorities.length > 0 && after.sample.priorities.length > 0
  if (!(wanted ?? (possible && kept))) return null
  // One more test beside those of the columns.
  const alpha = settings.alpha / (before.columns.length + 1)
  return compareJointly(before, after, names, { alpha, leastRows: settings.leastRows })
}

function textColumns(before: TableProfile, after: TableProfile, options: RichOptions): ComparedColumn[] {
  return before.columns
    .filter(({ name, kind }) => kind === 'text' && after.columns.some((column) => column.name === name && column.kind === 'text'))
    .map(({ name }) => compareTextColumn(name, textsOf(before, name), textsOf(after, name), options))
}

function textsOf(profile: TableProfile, name: string): TextSide {
  const place = profile.columns.findIndex((column) => column.name === name)
  const texts = profile.sample.columns[place]!.filter((value): value is string => typeof value === 'string')
  return { texts, rows: profile.rows, missing: profile.columns[place]!.missing }
}

function vectorColumns(
  reference: TableProfile,
  current: TableProfile,
  embeddings: readonly EmbeddingChoice[],
  options: RichOptions,
): ComparedColumn[] {
  return embeddings.map(({ name, matches }) => {
    const own = (profile: TableProfile) => profile.columns.map((column) => column.name).filter(matches)
    const [before, after] = [own(reference), own(current)]
    // The same names in another order are the same vector.
    const same = before.length === after.length && before.every((column) => after.includes(column))
    return compareEmbeddingColumn(name, blockOf(reference, before), blockOf(current, same ? before : after), options)
  })
}

/** The sampled rows of some columns that have a number in each of them. */
function blockOf({ columns, sample }: TableProfile, names: readonly string[]): RowBlock | undefined {
  const places = names.map((name) => columns.findIndex((column) => column.name === name))
  const rows = sample.priorities
    .map((_, row) => places.map((place) => sample.columns[place]![row]!))
    .filter((row): row is number[] => row.length > 0 && row.every((value) => typeof value === 'number'))
  return rows.length === 0 ? undefined : blockFrom(rows)
}
