import type { TableProfile } from '../profile/table-profile.ts'
import { decide } from '../two-sample/choose.ts'
import { isInsufficient } from '../two-sample/result.ts'
import { type ComparedColumn, compareColumn } from './compare-columns.ts'
import {
  type ColumnReport,
  type DriftReport,
  type DriftSeverity,
  type DriftVerdict,
  type JointReport,
  REPORT_FORMAT,
  type ReportSettings,
  type SegmentReport,
  severities,
} from './report.ts'

export const defaultSettings: ReportSettings = {
  alpha: 0.01,
  control: 'holm',
  tolerance: 0.1,
  moderate: 0.2,
  severe: 0.35,
  leastRows: 200,
  numericTest: 'total_variation',
  categoryTest: 'total_variation',
}

export type Comparison = {
  readonly reference: TableProfile
  readonly current: TableProfile
  readonly names: { readonly reference: string; readonly current: string }
  /** What a column is to the model; a feature when absent. */
  readonly roles?: Readonly<Record<string, ColumnReport['role']>>
  readonly settings?: Partial<ReportSettings>
  readonly joint?: JointReport | null
  readonly segments?: readonly SegmentReport[]
  /** Columns that counts say nothing about, such as prose, compared elsewhere; in place of those of the same name, or beside all others. */
  readonly compared?: readonly ComparedColumn[]
  readonly createdAt: number
}

/**
 * Holds a table against its reference, column by column, and decides over all columns together: a column drifted when its adjusted p-value is at
 * most `alpha` and its effect at least the tolerance, or when it is gone or of another kind. With fewer than `leastRows` rows on
 * either side the verdict is “insufficient data”, whatever the numbers look like; a column that is gone is never that.
 */
export function compareTables(comparison: Comparison): DriftReport {
  const { reference, current, names, roles = {}, joint = null, segments = [], createdAt } = comparison
  const settings = { ...defaultSettings, ...comparison.settings }
  const now = new Map(current.columns.map((column) => [column.name, column]))
  const elsewhere = new Map((comparison.compared ?? []).map((column) => [column.name, column]))
  const own = reference.columns.map((column) => {
    const other = now.get(column.name)
    const found = other && { column: other, profile: current }
    return elsewhere.get(column.name) ?? compareColumn({ column, profile: reference }, found, roles[column.name] ?? 'feature', settings)
  })
  const named = new Set(reference.columns.map(({ name }) => name))
  const compared = [...own, ...[...elsewhere.values()].filter(({ name }) => !named.has(name))]
  const fewer = Math.min(reference.rows, current.rows)
  const columns = [...judged(compared, settings, fewer), ...newColumns(comparison)]
  const whole = wholeVerdict(columns, joint, segments, settings, fewer)
  return {
    format: REPORT_FORMAT,
    createdAt,
    reference: { name: names.reference, rows: reference.rows },
    current: { name: names.current, rows: current.rows },
    settings,
    ...whole,
    driftedShare: driftedShare(columns),
    columns,
    joint,
    segments,
  }
}

function judged(compared: readonly ComparedColumn[], settings: ReportSettings, fewer: number): ColumnReport[] {
  const enough = fewer >= settings.leastRows
  const tested = compared.filter(({ decisive, broken }) => decisive !== undefined && !broken)
  // A test that was chosen instead has an effect in a unit of its own, and so the tolerance of that unit.
  const decision = decide(
    tested.map(({ name, decisive }) => ({ name, outcome: decisive! })),
    { alpha: settings.alpha, adjustment: settings.control, tolerance: { total_variation: settings.tolerance } },
  )
  const byName = new Map(decision.judged.map((one, i) => [tested[i]!, one]))
  return compared.map((column): ColumnReport => {
    const { decisive, broken, reason, ...shown } = column
    const found = byName.get(column)
    const effect = decisive && !isInsufficient(decisive) ? decisive.effect : null
    const adjustedPValue = found?.adjustedP ?? null
    if (broken) return { ...shown, verdict: 'drift', severity: 'severe', reason, adjustedPValue, effect }
    if (!found) return { ...shown, verdict: 'insufficient_data', severity: 'none', reason, adjustedPValue, effect }
    if (!enough) {
      const wanting = `${fewer} rows on the smaller side; at least ${settings.leastRows} are asked for`
      return { ...shown, verdict: 'insufficient_data', severity: 'none', reason: wanting, adjustedPValue, effect }
    }
    const severity = found.verdict === 'drift' ? severityOf(effect, found.test, settings) : 'none'
    return { ...shown, verdict: found.verdict, severity, reason: found.reason, adjustedPValue, effect }
  })
}

/** By the share of rows that moved; effects in other units are moderate, since no ladder is known for them. */
function severityOf(effect: ColumnReport['effect'], test: string, { moderate, severe }: ReportSettings): DriftSeverity {
  if (effect === null || test !== 'total_variation') return 'moderate'
  return effect.value >= severe ? 'severe' : effect.value >= moderate ? 'moderate' : 'minor'
}

/** Whether a column’s vectors come from another model: nothing that can be compared, and nothing that may pass. */
export function needsNewBaseline({ findings }: Pick<ColumnReport, 'findings'>): boolean {
  return findings.some(({ kind }) => kind === 'new_baseline_required')
}

/** The columns of a report, the worst first: what drifted by severity and effect, what could not be judged, what is stable. */
export function worstFirst(columns: readonly ColumnReport[]): ColumnReport[] {
  const place = ({ verdict, findings }: ColumnReport) =>
    verdict === 'drift' ? 0 : needsNewBaseline({ findings }) ? 1 : verdict === 'stable' ? 2 : 3
  return [...columns].sort(
    (a, b) =>
      place(a) - place(b) ||
      severities.indexOf(b.severity) - severities.indexOf(a.severity) ||
      (b.effect?.value ?? 0) - (a.effect?.value ?? 0),
  )
}

function newColumns({ reference, current }: Comparison): ColumnReport[] {
  const known = new Set(reference.columns.map(({ name }) => name))
  return current.columns
    .filter(({ name }) => !known.has(name))
    .map(({ name, kind }) => {
      const text = 'the reference has no such column'
      const finding = { kind: 'new_column', feature: name, share: 1, pValue: null, text } as const
      return {
        name,
        kind,
        role: 'feature',
        verdict: 'insufficient_data',
        severity: 'none',
        reason: text,
        adjustedPValue: null,
        effect: null,
        tests: [],
        findings: [finding],
        bars: [],
        reference: null,
        current: null,
      }
    })
}

function driftedShare(columns: readonly ColumnReport[]): number {
  const features = columns.filter(({ role, verdict }) => role === 'feature' && verdict !== 'insufficient_data')
  return features.length === 0 ? 0 : features.filter(({ verdict }) => verdict === 'drift').length / features.length
}

function wholeVerdict(
  columns: readonly ColumnReport[],
  joint: JointReport | null,
  segments: readonly SegmentReport[],
  settings: ReportSettings,
  fewer: number,
): { verdict: DriftVerdict; severity: DriftSeverity; reason: string } {
  const drifted = columns.filter(({ verdict }) => verdict === 'drift')
  const moved = segments.filter(({ verdict }) => verdict === 'drift')
  const replaced = columns.filter(needsNewBaseline)
  const aside = replaced.map(({ name, reason }) => `${name} needs a new baseline: ${reason}`)
  const parts = [
    ...(drifted.length > 0 ? [`${drifted.length} of ${columns.length} columns drifted: ${namesOf(drifted)}`] : []),
    ...(joint?.verdict === 'drift' ? [`all columns together: ${joint.reason}`] : []),
    ...(moved.length > 0 ? [`segments moved: ${moved.map(({ name }) => name).join(', ')}`] : []),
  ]
  if (parts.length > 0) {
    const ranks = drifted.map(({ severity }) => severities.indexOf(severity))
    // What no column shows alone is minor until a column or the labels agree.
    return { verdict: 'drift', severity: severities[Math.max(1, ...ranks)]!, reason: [...parts, ...aside].join('; ') }
  }
  if (aside.length > 0) return { verdict: 'insufficient_data', severity: 'none', reason: aside.join('; ') }
  if (fewer < settings.leastRows)
    return {
      verdict: 'insufficient_data',
      severity: 'none',
      reason: `${fewer} rows on the smaller side; at least ${settings.leastRows} are asked for`,
    }
  const judgedColumns = columns.filter(({ verdict }) => verdict === 'stable').length
  if (judgedColumns === 0) return { verdict: 'insufficient_data', severity: 'none', reason: 'no column could be judged' }
  return { verdict: 'stable', severity: 'none', reason: `none of ${judgedColumns} columns drifted` }
}

function namesOf(columns: readonly ColumnReport[]): string {
  const worst = [...columns].sort(
    (a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity) || (b.effect?.value ?? 1) - (a.effect?.value ?? 1),
  )
  const named = worst.slice(0, 5).map(({ name }) => name)
  return worst.length > named.length ? `${named.join(', ')} and ${worst.length - named.length} more` : named.join(', ')
}
