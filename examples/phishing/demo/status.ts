import { latencyQuantile } from '../../../src/lib/stats/latency-histogram.ts'
import type { Traffic } from './traffic.ts'

/** Progress on stderr: one line that is redrawn on a terminal, a line every few seconds elsewhere. */
export function createStatus(startedMs: number) {
  const terminal = process.stderr.isTTY === true
  const seconds = () => `${((Date.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s`
  let shownMs = 0
  let last = ''
  const clear = () => {
    if (terminal) process.stderr.write('\r\x1b[K')
  }
  return {
    say(text: string) {
      clear()
      process.stderr.write(`${seconds()}  ${text}\n`)
    },
    show(traffic: Traffic, { phase, f1, step }: { phase: string; f1: number | null; step: string }) {
      const quality = f1 === null ? '' : `  F1 ${f1.toFixed(4)}`
      const line = `${phase.padEnd(7)} ${String(traffic.answered).padStart(7)} answered  p99 ${(latencyQuantile(traffic.latency, 0.99) / 1_000).toFixed(1)} ms${quality}  ${step}`
      const head = step.split(':')[0]!
      if (terminal) process.stderr.write(`\r\x1b[K${seconds()}  ${line.slice(0, (process.stderr.columns ?? 120) - 12)}`)
      else if (head !== last || Date.now() - shownMs > 5_000) {
        process.stderr.write(`${seconds()}  ${line}\n`)
        shownMs = Date.now()
        last = head
      }
    },
  }
}
