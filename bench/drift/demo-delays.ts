import { createWorld, featureNames, type Phase, samplePages } from '../../examples/phishing/world.ts'
import { profileFrom } from '../../src/lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../src/lib/drift/profile/sketch.ts'
import { advanceDetector, createDetector } from '../../src/lib/drift/streaming/feature-detector.ts'

/** As the demo’s monitor has it: one false alarm in 10 million rows, of which the features have half. */
const BUDGET = 2 * 10_000_000
const TOLERANCE = 0.02
const BLOCK_ROWS = 64
const MOST_ROWS = 20_000

export type DemoChange = {
  readonly from: Phase
  readonly to: Phase
  readonly referenceRows: number
  readonly stableRows: number
}

/** What the demo plays: the first model meets the campaign; the second, which knows it, meets the season. */
export const demoChanges: readonly DemoChange[] = [
  { from: 'calm', to: 'evasion', referenceRows: 6_000, stableRows: 11_000 },
  { from: 'calm', to: 'season', referenceRows: 6_000, stableRows: 11_000 },
  { from: 'evasion', to: 'season', referenceRows: 5_000, stableRows: 20_000 },
]

/** Delays in rows of the feature detector alone on pages of the demo, each stream with a reference of its own; and alarms before the change. */
export function demoDelays({ from, to, referenceRows, stableRows }: DemoChange, streams: number) {
  const delays: number[] = []
  let early = 0
  for (let s = 0; s < streams; s++) {
    const reference = samplePages(createWorld(`history ${s}`), from, referenceRows)
    const columns = featureNames.map((_, f) => Float32Array.from(reference, (page) => page.features[f]!))
    const profile = profileFrom(featureNames, columns)
    const detector = createDetector({ profile, falseAlarmEveryRows: BUDGET, tolerance: TOLERANCE })
    const block = createSketch(profile)
    const world = createWorld(s)
    let alarmAt = Number.POSITIVE_INFINITY
    for (let at = 1 - stableRows; at <= MOST_ROWS && alarmAt > MOST_ROWS; at++) {
      observe(block, world.sample(at > 0 ? to : from).features)
      if (block.rows < BLOCK_ROWS) continue
      if (advanceDetector(detector, block).alarm) alarmAt = at
      resetSketch(block)
    }
    if (alarmAt <= 0) early++
    else delays.push(alarmAt)
  }
  return { delays, early }
}
