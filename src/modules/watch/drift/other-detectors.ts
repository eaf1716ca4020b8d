import type { MonitorDetector } from '../../../contract/drift.ts'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { StreamState } from '../../../lib/drift/streaming/detector.ts'
import { createStreamingDetector, streamingDetectors } from '../../../lib/drift/streaming/registry.ts'
import type { Rule } from '../../govern/documents/index.ts'
import { isUnbounded } from './segment-rows.ts'

/** What a detector that somebody set beside the monitor’s own has seen. */
type OtherState = {
  readonly state: StreamState
  readonly rows: number
  readonly warnings: number
  readonly drifts: number
  readonly lastDriftMs: number | null
}
export type OtherStates = Readonly<Record<string, OtherState>>

/** A row as the detectors take it: what the version said, and once it is known whether that was wrong. */
export type WatchedRow = { readonly atMs: number; readonly score: number; readonly wrong?: boolean; readonly label?: boolean }
export type Noticed = { readonly detector: string; readonly atMs: number }

/**
 * Takes rows into the detectors set on one signal. Theirs are the defaults of the literature, without a budget: they are shown and told, and
 * neither open the loop nor page anybody.
 */
export function watchOthers(
  detectors: readonly MonitorDetector[],
  on: MonitorDetector['on'],
  before: OtherStates,
  rows: readonly WatchedRow[],
): { readonly after: OtherStates; readonly noticed: readonly Noticed[] } {
  const noticed: Noticed[] = []
  const after: Record<string, OtherState> = { ...before }
  for (const setting of detectors) {
    if (setting.on !== on) continue
    const kept = before[setting.name]
    const detector = createStreamingDetector({ ...setting.options, kind: setting.kind }, kept?.state)
    let { warnings, drifts, lastDriftMs } = kept ?? { warnings: 0, drifts: 0, lastDriftMs: null }
    for (const row of rows) {
      const value = valueFor(setting, row)
      if (Number.isNaN(value)) continue
      const signal = detector.update(value)
      if (signal === 'warning') warnings++
      if (signal !== 'drift') continue
      drifts++
      lastDriftMs = row.atMs
      noticed.push({ detector: setting.name, atMs: row.atMs })
    }
    after[setting.name] = { state: detector.state(), rows: (kept?.rows ?? 0) + rows.length, warnings, drifts, lastDriftMs }
  }
  return { after, noticed }
}

/** The number that a kind of detector takes of a row; NaN where the row has none. */
function valueFor({ on, kind }: MonitorDetector, { score, wrong, label }: WatchedRow): number {
  if (on === 'score') return score
  if (wrong === undefined || label === undefined) return Number.NaN
  if (streamingDetectors[kind]!.sample !== 'cell') return Number(wrong)
  const predicted = wrong ? !label : label
  return 2 * Number(label) + Number(predicted)
}

/** Refuses, before it is accepted, a monitor whose detectors or segments cannot be. */
export const checkMonitor: Rule<'Monitor'> = ({ metadata: { name }, spec }) => {
  const refuse = (path: string, problem: string): never => {
    throw new AppError('invalid', `Monitor ${name}: spec.${path}: ${problem}`)
  }
  for (const [i, { kind, on, options, name: detector }] of spec.detectors.entries()) {
    const sample = streamingDetectors[kind]!.sample
    if (on === 'score' && (sample === 'error' || sample === 'cell'))
      refuse(`detectors.${i}`, `${kind} watches errors, not scores; set on: error`)
    if (spec.detectors.findIndex((other) => other.name === detector) < i)
      refuse(`detectors.${i}.name`, `there is another detector ${detector}`)
    try {
      createStreamingDetector({ ...options, kind })
    } catch (error) {
      refuse(`detectors.${i}.options`, messageFrom(error))
    }
  }
  for (const [i, segment] of spec.segments.entries()) {
    if (spec.segments.findIndex((other) => other.name === segment.name) < i)
      refuse(`segments.${i}.name`, `there is another segment ${segment.name}`)
    if (isUnbounded(segment)) refuse(`segments.${i}.where`, 'a condition on a feature needs from, below or both, and from less than below')
  }
}
