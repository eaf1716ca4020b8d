import type { Table } from '../output/table.ts'
import { durationText } from '../output/text.ts'
import type { ReplayPlan, ReplayState } from './replay.ts'
import { accuracyOf, type Decile, f1Of, previousAccuracyOf } from './scoreboard.ts'

/** What a replay measured, as `--json` prints it. Shares are 0 to 1; null where nothing was labelled. */
export function reportOf(plan: ReplayPlan, state: ReplayState, nowMs: number) {
  const { total, deciles } = state.scoreboard
  const seconds = (nowMs - state.startedMs) / 1_000
  return {
    deployment: plan.deployment,
    ids: `${plan.prefix}-<row>`,
    rowsOfFile: plan.rowsOfFile,
    from: plan.from,
    to: state.last,
    rows: total.rows,
    labelled: total.labelled,
    labelsTold: state.told,
    unrecorded: state.unrecorded,
    seconds,
    rowsPerSecond: seconds > 0 ? total.rows / seconds : null,
    accuracy: accuracyOf(total),
    f1: f1Of(total),
    previousLabelAccuracy: previousAccuracyOf(total),
    interrupted: state.interrupted,
    deciles: deciles.filter(({ rows }) => rows > 0).map(decileReport),
  }
}
export type ReplayReport = ReturnType<typeof reportOf>

function decileReport(decile: Decile) {
  return {
    decile: decile.decile,
    rows: decile.rows,
    accuracy: accuracyOf(decile),
    f1: f1Of(decile),
    previousLabelAccuracy: previousAccuracyOf(decile),
    championAtEnd: decile.champion,
    rowsByVersion: Object.fromEntries([...decile.versions].sort(([a], [b]) => a - b)),
  }
}

export function decileTable(report: ReplayReport): Table {
  return {
    headings: ['decile', 'rows', 'accuracy', 'f1', 'previous label', 'champion', 'rows by version'],
    rightAligned: [true, true, true, true, true, true, false],
    rows: report.deciles.map((one) => [
      String(one.decile),
      String(one.rows),
      shareText(one.accuracy),
      shareText(one.f1),
      shareText(one.previousLabelAccuracy),
      one.championAtEnd === null ? '–' : String(one.championAtEnd),
      Object.entries(one.rowsByVersion)
        .map(([version, rows]) => `${version}: ${rows}`)
        .join(', '),
    ]),
  }
}

export function summaryText(report: ReplayReport): string {
  const rate = report.rowsPerSecond === null ? '' : ` (${Math.round(report.rowsPerSecond)} rows/s)`
  const lost = report.unrecorded > 0 ? `; ${report.unrecorded} answered but not recorded: the server’s disk is full` : ''
  return `rows ${report.from} to ${report.to} of ${report.rowsOfFile} in ${durationText(report.seconds)}${rate}: accuracy ${shareText(report.accuracy)}, F1 ${shareText(report.f1)}, predict-previous-label ${shareText(report.previousLabelAccuracy)}; ${report.labelsTold} labels told${lost}\n`
}

/** The line beside the progress bar. */
export function progressText(plan: ReplayPlan, state: ReplayState, nowMs: number): string {
  const { total } = state.scoreboard
  const rate = total.rows / Math.max(0.001, (nowMs - state.startedMs) / 1_000)
  return `row ${state.last}  ${Math.round(rate)}/s  accuracy ${shareText(accuracyOf(total))}  F1 ${shareText(f1Of(total))}  ${durationText((plan.to - state.last) / Math.max(rate, 0.001))} to go`
}

export function shareText(share: number | null): string {
  return share === null ? '–' : share.toFixed(4)
}
