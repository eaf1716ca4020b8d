import type { LedgerReport } from '../../../src/contract/ledger.ts'
import { latencyQuantile } from '../../../src/lib/stats/latency-histogram.ts'
import type { Act } from './acts.ts'
import type { Traffic } from './traffic.ts'

const timed: ReadonlySet<string> = new Set(['detection within 1 s of an attack', 'within 3 minutes'])

type Measured = {
  seed: number
  rate: number
  traffic: Traffic
  acts: readonly Act[]
  control: { requests: number; falseAlarms: number }
  verified: LedgerReport
  stored: number
  versions: number
  wallSeconds: number
}
export type Report = ReturnType<typeof reportFrom>

/** Everything the demonstration measured, and whether it met what it set out to. */
export function reportFrom({ seed, rate, traffic, acts, control, verified, stored, versions, wallSeconds }: Measured) {
  const milliseconds = (share: number) => latencyQuantile(traffic.latency, share) / 1_000
  const outcomes = acts.flatMap((act) => act.runs)
  const changes = acts.filter((act) => act.phase !== 'poison')
  const lost = traffic.answered - traffic.unrecorded - stored
  const targets = {
    'detection within 1 s of an attack': acts[0]!.detection !== null && acts[0]!.detection.delaySeconds < 1,
    'F1 at least 0.99 before and after': acts.every((act) => act.f1.before >= 0.99) && changes.every((act) => act.f1.after >= 0.99),
    'no false alarm on the control': control.falseAlarms === 0,
    'no record lost': lost === 0 && traffic.failed === 0,
    'poisoned labels quarantined': acts.find((act) => act.phase === 'poison')!.runs.some((run) => run.outcome === 'quarantined'),
    'ledger intact': verified.intact,
    'within 3 minutes': wallSeconds < 180,
  }
  return {
    seed,
    requests: traffic.answered,
    failed: traffic.failed,
    ratePerSecond: rate,
    latencyMs: { p50: milliseconds(0.5), p95: milliseconds(0.95), p99: milliseconds(0.99) },
    labels: traffic.labelsAcknowledged,
    recordsLost: lost,
    acts: acts.map((act) => ({
      act: act.phase,
      f1: act.f1,
      detection: act.detection,
      seconds: act.seconds,
      runs: act.runs.map((run) => ({
        id: run.id,
        outcome: run.outcome,
        reason: run.reason,
        challenger: run.challenger,
        quarantines: run.quarantines.length,
      })),
    })),
    control,
    loop: {
      retrained: versions - 1,
      quarantined: outcomes.filter((run) => run.outcome === 'quarantined').length,
      refused: outcomes.filter((run) => run.outcome === 'refused').length,
      promoted: outcomes.filter((run) => run.outcome === 'promoted').length,
      rolledBack: outcomes.filter((run) => run.outcome === 'rolled_back').length,
    },
    ledger: { intact: verified.intact, entries: verified.entries },
    wallSeconds,
    targets,
    /** What must hold on any machine; times depend on the machine and are shown, not judged. */
    met: Object.entries(targets).every(([target, met]) => met || timed.has(target)),
  }
}

const names: Readonly<Record<string, string>> = { evasion: 'evasion campaign', poison: 'poisoned labels', season: 'seasonal change' }

export function printReport(report: Report): void {
  const { latencyMs } = report
  const rows = report.acts.map((act) => [
    names[act.act] ?? act.act,
    act.detection
      ? `${act.detection.delaySeconds.toFixed(2)} s (${act.detection.delayRows} requests, ${act.detection.signal})`
      : 'not detected',
    act.f1.before.toFixed(4),
    act.f1.worst.toFixed(4),
    act.f1.after.toFixed(4),
    act.runs.map((run) => `${run.outcome}${run.challenger && run.outcome === 'promoted' ? ` version ${run.challenger}` : ''}`).join(', ') ||
      'nothing',
  ])
  const facts = [
    [
      'requests served',
      `${report.requests} at ${report.ratePerSecond} a second, ${report.failed} failed, ${report.recordsLost} records lost`,
    ],
    ['latency', `p50 ${latencyMs.p50.toFixed(2)} ms   p95 ${latencyMs.p95.toFixed(2)} ms   p99 ${latencyMs.p99.toFixed(2)} ms`],
    ['false alarms', `${report.control.falseAlarms} on ${report.control.requests} undrifted rows`],
    [
      'loop',
      `${report.loop.retrained} retrained, ${report.loop.quarantined} quarantined, ${report.loop.refused} refused, ${report.loop.promoted} promoted, ${report.loop.rolledBack} rolled back`,
    ],
    ['ledger', `${report.ledger.intact ? 'intact' : 'BROKEN'}, ${report.ledger.entries} entries`],
    ['wall time', `${report.wallSeconds.toFixed(0)} s (seed ${report.seed})`],
  ]
  const text = [
    '',
    ...tableLines([['what happened', 'detected after', 'F1 before', 'worst', 'after', 'the loop'], ...rows]),
    '',
    ...tableLines(facts),
    '',
    ...Object.entries(report.targets).map(([target, met]) => `  ${met ? '✓' : '✗'} ${target}`),
    '',
  ]
  process.stdout.write(`${text.join('\n')}\n`)
}

function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map(
    (row) =>
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('   ')
        .trimEnd()}`,
  )
}
