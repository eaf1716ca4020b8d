import { needsNewBaseline, worstFirst } from '../../lib/drift/report/compare.ts'
import type { HistogramReport } from '../../lib/drift/report/histograms.ts'
import type { ColumnReport, DriftReport } from '../../lib/drift/report/report.ts'
import { isInsufficient } from '../../lib/drift/two-sample/result.ts'
import type { Table } from '../output/table.ts'
import { printable } from '../output/text.ts'

const VERDICTS = { drift: 'drift', stable: 'stable', insufficient_data: 'not judged' } as const

export function columnTable({ columns }: DriftReport): Table {
  return {
    headings: ['column', 'kind', 'verdict', 'effect', 'adjusted p', 'psi', 'why'],
    rightAligned: [false, false, false, true, true, true, false],
    rows: worstFirst(columns).map((column) => [
      printable(column.name) + (column.role === 'feature' ? '' : ` (${column.role})`),
      column.kind,
      column.verdict === 'drift' ? `drift, ${column.severity}` : needsNewBaseline(column) ? 'new baseline' : VERDICTS[column.verdict],
      column.effect === null ? '–' : shown(column.effect.value),
      column.adjustedPValue === null ? '–' : shown(column.adjustedPValue),
      psiOf(column),
      printable(whyOf(column)),
    ]),
  }
}

/** What a table has not said yet: findings, all columns together, segments, and the verdict in the last line. */
export function restText(report: DriftReport): string {
  const findings = worstFirst(report.columns).flatMap(findingLines)
  const { joint } = report
  const lines = [
    ...(findings.length > 0 ? ['', 'Findings', ...findings] : []),
    ...(joint ? ['', `All columns together: ${VERDICTS[joint.verdict]}; ${printable(joint.reason)}`] : []),
    ...(report.segments.length > 0 ? ['', 'Segments, by their sampled rows', ...segmentLines(report)] : []),
    '',
    verdictLine(report),
  ]
  return `${lines.join('\n')}\n`
}

/** Findings of one column a person reads at once. */
const MOST_FINDINGS = 5

function findingLines({ name, findings }: ColumnReport): string[] {
  const more = findings.length - MOST_FINDINGS
  const lines = findings.slice(0, MOST_FINDINGS).map(({ text }) => `  ${printable(`${name}: ${text}`)}`)
  return more > 0 ? [...lines, `  ${printable(name)}: ${more} more; --json and --html have them all`] : lines
}

function verdictLine({ verdict, severity, reason, reference, current }: DriftReport): string {
  const said = verdict === 'drift' ? `drift, ${severity}` : verdict === 'stable' ? 'stable' : 'insufficient data'
  return `${said}: ${printable(reason)} (${printable(current.name)}, ${current.rows} rows, against ${printable(reference.name)}, ${reference.rows})`
}

function segmentLines({ segments }: DriftReport): string[] {
  return segments.map(({ name, verdict, referenceRows, currentRows, reason }) =>
    printable(
      `  ${name}: ${VERDICTS[verdict]}, ${currentRows} rows against ${referenceRows}; ${verdict === 'drift' ? `moved: ${reason}` : reason}`,
    ),
  )
}

function psiOf({ tests }: ColumnReport): string {
  const psi = tests.find(({ test }) => test === 'psi')
  return psi && !isInsufficient(psi) ? shown(psi.effect.value) : '–'
}

/** A reason without the numbers that have columns of their own. */
function whyOf({ verdict, reason, effect, adjustedPValue }: ColumnReport): string {
  if (effect === null || adjustedPValue === null) return reason
  if (verdict === 'drift') return effect.name
  if (verdict !== 'stable') return reason
  return /although/.test(reason) ? 'certain, but too small to matter' : /chance/.test(reason) ? 'chance may have made it' : ''
}

export function histogramTable({ results }: HistogramReport): Table {
  return {
    headings: ['feature', 'verdict', 'psi', 'kl', 'chance up to', 'p', 'why'],
    rightAligned: [false, false, true, true, true, true, false],
    rows: results.map((one) => [
      printable(one.feature),
      !one.comparable ? 'not comparable' : one.exceeds_threshold ? `drift, ${one.severity}` : 'ok',
      one.psi === null ? '–' : shown(one.psi),
      one.kl_divergence === null ? '–' : shown(one.kl_divergence),
      one.calibrated_threshold === null ? '–' : shown(one.calibrated_threshold),
      one.p_value === null ? '–' : shown(one.p_value),
      one.reason,
    ]),
  }
}

function shown(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1)
  return Number(value.toPrecision(3)).toString()
}
