import type { LoadReport } from '../../contract/load-report.ts'
import { loadFailures } from '../../lib/load/verdict.ts'
import type { Choices } from './plan.ts'
import { errorRateOf, type LoadResult } from './tally.ts'

export type Subject = { readonly endpoint: string; readonly deployment: string; readonly model: string; readonly version: number }

/** What a run came to, judged by its bounds. `rate` is undefined in a closed loop. */
export function reportOf(
  subject: Subject,
  choices: Choices,
  run: { readonly rate: number | undefined; readonly result: LoadResult; readonly startedAt: number; readonly interrupted: boolean },
): LoadReport {
  const { result, interrupted } = run
  const errorRate = errorRateOf(result)
  const rate = run.rate ?? null
  const facts = { rate, achieved: result.achieved, errorRate, ok: result.ok, p99Ms: result.latencyMs.p99 }
  const reasons = [...loadFailures(facts, choices.bounds), ...(interrupted ? ['it was stopped before its end'] : [])]
  return {
    ...subject,
    protocol: choices.protocol,
    rows: choices.rows,
    connections: choices.connections,
    rate,
    achieved: result.achieved,
    sent: result.sent,
    ok: result.ok,
    shed: result.shed,
    errors: result.errors,
    statuses: result.statuses,
    errorRate,
    latencyMs: result.latencyMs,
    sendDelayMs: { p99: result.sendDelayMs.p99, max: result.sendDelayMs.max },
    warmupMs: Math.round(choices.warmupMs),
    durationMs: choices.durationMs,
    startedAt: run.startedAt,
    bounds: { maxP99Ms: choices.bounds.maxP99Ms ?? null, maxErrorRate: choices.bounds.maxErrorRate },
    interrupted,
    verdict: reasons.length === 0 ? 'pass' : 'fail',
    reasons,
  }
}

/** A report for people. */
export function reportText(report: LoadReport): string {
  const { latencyMs: latency, errors } = report
  const ms = (value: number | null) => (value === null ? '–' : `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`)
  const lines: [string, string][] = [
    ['endpoint', report.endpoint],
    ['model', `${report.model}, version ${report.version}`],
    [
      'load',
      `${report.connections} connections, ${report.rate === null ? 'closed loop' : `${report.rate} requests a second`}, ${report.rows} row(s) each`,
    ],
    ['achieved', `${report.achieved.toFixed(1)} requests a second over ${(report.durationMs / 1_000).toFixed(1)} s`],
    ['requests', `${report.sent} sent, ${report.ok} ok, ${report.shed} shed`],
    ['errors', `${errors.status} status, ${errors.timeout} timeout, ${errors.connection} connection${statusText(report.statuses)}`],
    [
      'latency',
      `p50 ${ms(latency.p50)}  p90 ${ms(latency.p90)}  p95 ${ms(latency.p95)}  p99 ${ms(latency.p99)}  p99.9 ${ms(latency.p999)}`,
    ],
    ['', `max ${ms(latency.max)}  mean ${ms(latency.mean)}`],
    ['sent late by', `p99 ${ms(report.sendDelayMs.p99)}  max ${ms(report.sendDelayMs.max)}`],
    ...(report.steps ?? []).map((step, i): [string, string] => [
      i === 0 ? 'steps' : '',
      `${step.rate.toFixed(1)}/s: ${step.achieved.toFixed(1)}/s, p99 ${ms(step.p99Ms)}, ${step.held ? 'held' : 'not held'}`,
    ]),
    ['verdict', [report.verdict, ...report.reasons].join('; ')],
  ]
  return lines.map(([name, text]) => `${name.padEnd(14)}${text}\n`).join('')
}

function statusText(statuses: Readonly<Record<string, number>>): string {
  const parts = Object.entries(statuses).map(([status, count]) => `${count}×${status}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}
