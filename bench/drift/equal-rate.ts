import type { Outcome } from './streams.ts'
import { quantileOf, quantileText, rateText, tableOf } from './table.ts'

/** The share of `quantile` of the delays of a ladder at a rate of false alarms: between its rungs, linear in the log of the rate. */
export function delayAtRate(ladder: readonly Outcome[], rate: number, share: number): number | undefined {
  const rungs = ladder
    .map((outcome) => ({ rate: outcome.falseAlarms / outcome.stableRows, delay: quantileOf(outcome.delays, share) }))
    .sort((a, b) => b.rate - a.rate)
  if (rate > rungs[0]!.rate) return undefined
  const below = rungs.findIndex((rung) => rung.rate <= rate)
  // A rate that none of ours is as low as: the lowest has to do, and the table shows its rate.
  if (below < 0) return rungs.at(-1)!.delay
  const [upper, lower] = [rungs[Math.max(0, below - 1)]!, rungs[below]!]
  if (lower.rate === rate || lower.rate === 0 || upper.rate === lower.rate) return lower.delay
  const part = Math.log(upper.rate / rate) / Math.log(upper.rate / lower.rate)
  return upper.delay + part * (lower.delay - upper.delay)
}

/** Every detector with its false alarms and delays, and beside it what the ladder does at the same rate. */
export function outcomeTable(ladder: readonly Outcome[], others: readonly Outcome[]): string {
  const row = ({ detector, falseAlarms, stableRows, delays }: Outcome, beside: readonly string[]) => [
    detector,
    delays.length,
    rateText(falseAlarms, stableRows),
    quantileText(delays, 0.5),
    quantileText(delays, 0.9),
    `${Math.round((100 * delays.filter((delay) => !Number.isFinite(delay)).length) / delays.length)} %`,
    ...beside,
  ]
  const shown = (delay: number | undefined) =>
    delay === undefined ? 'rate above ours' : Number.isFinite(delay) ? String(Math.round(delay)) : 'missed'
  const beside = ({ falseAlarms, stableRows }: Outcome) =>
    [0.5, 0.9].map((share) => shown(delayAtRate(ladder, falseAlarms / stableRows, share)))
  return tableOf(
    ['detector', 'streams', 'false alarms per 10,000', 'median delay', '90 % delay', 'missed', 'ours at that rate: median', '90 %'],
    [...ladder.map((outcome) => row(outcome, ['', ''])), ...others.map((outcome) => row(outcome, beside(outcome)))],
  )
}
