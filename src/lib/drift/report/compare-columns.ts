import type { CategoryColumn, ColumnProfile, NumericColumn, TableProfile } from '../profile/table-profile.ts'
import { categoryCountFindings, type Finding, missingFinding, unseenFinding, valueText } from '../two-sample/findings.ts'
import type { TestOutcome } from '../two-sample/result.ts'
import { type Bars, categoryBars, isComparable, numericBars, withoutEmpty, withoutMissing } from './bars.ts'
import { categoryTests, numericColumnTests } from './column-tests.ts'
import type { ColumnReport, ColumnSummary, ReportSettings } from './report.ts'

/** A column that is on both sides, on its way into a report: tested, not yet judged among the others. */
export type ComparedColumn = Pick<ColumnReport, 'name' | 'kind' | 'role' | 'tests' | 'findings' | 'bars' | 'reference' | 'current'> & {
  /** What decides; undefined where nothing can, and `reason` says why. */
  readonly decisive: TestOutcome | undefined
  /** Drift without any test: a column that is gone, or of another kind. */
  readonly broken: boolean
  readonly reason: string
}

type Side<C extends ColumnProfile = ColumnProfile> = { readonly column: C; readonly profile: TableProfile }
type Shared = Pick<ComparedColumn, 'name' | 'kind' | 'role'>

/** Holds one column against its reference. `role` says what it is to the model; labels that have not come are not counted as missing. */
export function compareColumn(
  reference: Side,
  current: Side | undefined,
  role: ColumnReport['role'],
  settings: ReportSettings,
): ComparedColumn {
  const { name, kind } = reference.column
  const shared: Shared = { name, kind, role }
  if (!current) return goneColumn(shared, reference)
  if (!isComparable(reference.column) || kind === 'text')
    return notJudged(shared, kind === 'empty' ? 'the reference has no value' : `${kind} columns are not judged by their counts`)
  if (current.column.kind === 'empty') return emptied(shared, reference, current)
  if (current.column.kind !== kind) return changedKind(shared, reference, current)
  return reference.column.kind === 'numeric'
    ? numericCompared(shared, reference as Side<NumericColumn>, current as Side<NumericColumn>, settings)
    : categoryCompared(shared, reference as Side<CategoryColumn>, current as Side<CategoryColumn>, settings)
}

function numericCompared(
  shared: Shared,
  reference: Side<NumericColumn>,
  current: Side<NumericColumn>,
  settings: ReportSettings,
): ComparedColumn {
  const counted = numericBars(reference.column, current.column, current.profile)
  if (!counted)
    return notJudged(
      shared,
      'the current profile has other bins and neither quantiles nor sampled rows to count over those of the reference',
    )
  const bars = barsFor(shared, counted)
  const { decisive, tests } = numericColumnTests(bars, reference, current, settings.numericTest)
  const [before, after] = [reference.column, current.column]
  const [n, m] = [presentRows(before, reference.profile), presentRows(after, current.profile)]
  const seen = { feature: shared.name, referenceRows: n, currentRows: m }
  const unreadable = after.unreadable - before.unreadable
  const findings = [
    ...sharedFindings(shared, reference, current),
    ...(before.unreadable === 0
      ? unseenFinding({ ...seen, currentRows: m + unreadable, kind: 'type_change', rows: unreadable, what: 'are no numbers' })
      : []),
    ...unseenFinding({
      ...seen,
      kind: 'below_range',
      rows: after.outside.below,
      what: `are below ${valueText(before.min ?? Number.NaN)}, the least of the reference`,
    }),
    ...unseenFinding({
      ...seen,
      kind: 'above_range',
      rows: after.outside.above,
      what: `are above ${valueText(before.max ?? Number.NaN)}, the greatest of the reference`,
    }),
    ...(before.wholeNumbers && !after.wholeNumbers && m > 0
      ? [
          {
            kind: 'fractions',
            feature: shared.name,
            share: 1,
            pValue: null,
            text: 'some values have fractions; in the reference all were whole',
          } as const,
        ]
      : []),
    ...(after.min !== null && after.min === after.max && before.min !== before.max
      ? [{ kind: 'constant', feature: shared.name, share: 1, pValue: null, text: `all values are ${valueText(after.min)}` } as const]
      : []),
  ]
  return compared(shared, {
    decisive,
    tests,
    findings,
    bars,
    reference: numericSummary(before, reference, bars.reference),
    current: numericSummary(after, current, bars.current),
  })
}

function categoryCompared(
  shared: Shared,
  reference: Side<CategoryColumn>,
  current: Side<CategoryColumn>,
  settings: ReportSettings,
): ComparedColumn {
  const bars = withoutEmpty(barsFor(shared, categoryBars(reference.column, current.column)))
  const { decisive, tests } = categoryTests(bars, settings.categoryTest)
  const now = new Map(current.column.values)
  const names = new Set([...reference.column.values.map(([value]) => value), ...now.keys()])
  const before = new Map(reference.column.values)
  const counted = [...names].map((name) => ({ name, before: before.get(name) ?? 0, after: now.get(name) ?? 0 }))
  // Where either side dropped names for want of room, a name that is absent may only have been dropped.
  const complete = reference.column.other === 0 && current.column.other === 0
  const findings = [...sharedFindings(shared, reference, current), ...(complete ? categoryCountFindings(shared.name, counted) : [])]
  return compared(shared, {
    decisive,
    tests,
    findings,
    bars,
    reference: summary(reference, bars.reference),
    current: summary(current, bars.current),
  })
}

/** Labels come late: those that have not come are no sign of anything. */
function barsFor({ role }: Shared, bars: Bars): Bars {
  return role === 'label' ? withoutMissing(bars) : bars
}

function sharedFindings({ name, role }: Shared, reference: Side, current: Side): Finding[] {
  if (role === 'label') return []
  const [n, m] = [reference.profile.rows, current.profile.rows]
  return missingFinding(name, n, presentRows(reference.column, reference.profile), m, presentRows(current.column, current.profile))
}

function presentRows({ missing }: ColumnProfile, { rows }: TableProfile): number {
  return rows - missing
}

type Found = {
  decisive: TestOutcome
  tests: readonly TestOutcome[]
  findings: readonly Finding[]
  bars: Bars
  reference: ColumnSummary
  current: ColumnSummary
}

function compared(shared: Shared, { bars, ...found }: Found): ComparedColumn {
  return { ...shared, ...found, bars: bars.names, broken: false, reason: '' }
}

function numericSummary(column: NumericColumn, side: Side, bars: readonly number[]): ColumnSummary {
  const deviation = column.variance === null ? null : Math.sqrt(Math.max(0, column.variance))
  return { ...summary(side, bars), mean: column.mean, deviation, min: column.min, max: column.max }
}

function summary({ column, profile }: Side, bars: readonly number[]): ColumnSummary {
  const total = bars.reduce((sum, count) => sum + count, 0)
  return {
    rows: profile.rows,
    missing: profile.rows === 0 ? 0 : column.missing / profile.rows,
    mean: null,
    deviation: null,
    min: null,
    max: null,
    bars: bars.map((count) => (total === 0 ? 0 : count / total)),
  }
}

function bare(shared: Shared, rest: Partial<ComparedColumn>): ComparedColumn {
  return {
    ...shared,
    tests: [],
    findings: [],
    bars: [],
    reference: null,
    current: null,
    decisive: undefined,
    broken: false,
    reason: '',
    ...rest,
  }
}

function notJudged(shared: Shared, reason: string): ComparedColumn {
  return bare(shared, { reason })
}

function goneColumn(shared: Shared, reference: Side): ComparedColumn {
  const text = 'the column is gone'
  const findings: Finding[] = [{ kind: 'vanished_column', feature: shared.name, share: 1, pValue: null, text }]
  return bare(shared, { findings, broken: true, reason: text, reference: summary(reference, []) })
}

function emptied(shared: Shared, reference: Side, current: Side): ComparedColumn {
  const text = 'every value is missing'
  const findings: Finding[] = [{ kind: 'missing_share', feature: shared.name, share: 1, pValue: null, text }]
  return bare(shared, {
    findings,
    broken: current.profile.rows > 0 && shared.role !== 'label',
    reason: text,
    reference: summary(reference, []),
  })
}

function changedKind(shared: Shared, reference: Side, current: Side): ComparedColumn {
  const text = `the column is ${current.column.kind}, in the reference it is ${reference.column.kind}`
  const findings: Finding[] = [{ kind: 'type_change', feature: shared.name, share: 1, pValue: null, text }]
  return bare(shared, { findings, broken: true, reason: text })
}
