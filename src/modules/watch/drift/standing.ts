import type { MonitorWindows } from '../../../contract/drift.ts'
import { type DriftSeverity, type DriftVerdict, severities } from '../../../lib/drift/report/report.ts'

/**
 * What a monitor makes of its windows: nothing; drift that has not lasted; drift that has, with its worst severity since it began.
 * Windows up to `clearedMs` were dealt with and count no more.
 */
export type Standing =
  | { readonly kind: 'calm'; readonly clearedMs?: number }
  | { readonly kind: 'watching'; readonly sinceMs: number; readonly clearedMs?: number }
  | {
      readonly kind: 'sustained'
      readonly sinceMs: number
      readonly severity: DriftSeverity
      readonly stable: number
      readonly key: string
    }

export type JudgedWindow = { readonly fromMs: number; readonly verdict: DriftVerdict; readonly severity: DriftSeverity }

/** What a window changes for those who are told: drift has lasted, has become worse, or is over. */
export type StandingChange =
  | { readonly kind: 'sustained' | 'worse'; readonly severity: DriftSeverity; readonly sinceMs: number; readonly key: string }
  | { readonly kind: 'cleared'; readonly key: string }

/**
 * The standing after one more window, given those before it, newest last. Drift counts once it was seen in `sustained.windows` of the last
 * `sustained.of` windows that could be judged; it is over after `clearAfter` stable ones in a row. A window with too few rows says nothing:
 * it neither sustains nor clears. In between, a better window does not take back what was said (hysteresis); a worse one raises it.
 */
export function standingAfter(
  before: Standing,
  windows: readonly JudgedWindow[],
  { sustained, clearAfter }: Pick<MonitorWindows, 'sustained' | 'clearAfter'>,
): { readonly standing: Standing; readonly change: StandingChange | null } {
  const window = windows.at(-1)!
  if (window.verdict === 'insufficient_data') return { standing: before, change: null }
  if (before.kind === 'sustained') return afterSustained(before, window, clearAfter)
  const { clearedMs } = before
  const judged = windows
    .filter(({ verdict, fromMs }) => verdict !== 'insufficient_data' && (clearedMs === undefined || fromMs > clearedMs))
    .slice(-sustained.of)
  const drifted = judged.filter(({ verdict }) => verdict === 'drift')
  const kept = clearedMs === undefined ? {} : { clearedMs }
  if (drifted.length === 0) return { standing: { kind: 'calm', ...kept }, change: null }
  const sinceMs = drifted[0]!.fromMs
  if (drifted.length < sustained.windows) return { standing: { kind: 'watching', sinceMs, ...kept }, change: null }
  const severity = worst(drifted.map((one) => one.severity))
  const key = String(sinceMs)
  return {
    standing: { kind: 'sustained', sinceMs, severity, stable: 0, key },
    change: { kind: 'sustained', severity, sinceMs, key },
  }
}

function afterSustained(before: Extract<Standing, { kind: 'sustained' }>, window: JudgedWindow, clearAfter: number) {
  if (window.verdict === 'stable') {
    const stable = before.stable + 1
    if (stable >= clearAfter)
      return { standing: { kind: 'calm', clearedMs: window.fromMs }, change: { kind: 'cleared', key: before.key } } as const
    return { standing: { ...before, stable }, change: null }
  }
  const severity = worst([before.severity, window.severity])
  const standing = { ...before, severity, stable: 0 }
  if (severity === before.severity) return { standing, change: null }
  return { standing, change: { kind: 'worse', severity, sinceMs: before.sinceMs, key: before.key } } as const
}

function worst(given: readonly DriftSeverity[]): DriftSeverity {
  return severities[Math.max(...given.map((severity) => severities.indexOf(severity)))]!
}
