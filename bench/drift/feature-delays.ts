import { type Profile, profileFrom } from '../../src/lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../src/lib/drift/profile/sketch.ts'
import { advanceDetector, createDetector } from '../../src/lib/drift/streaming/feature-detector.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'

const FEATURES = 31
const REFERENCE_ROWS = 3_000
const STABLE_ROWS = 3_000
const CHANGED_ROWS = 10_000
const BLOCK_ROWS = 25

export type Shift = { readonly name: string; readonly moved: (random: Random, feature: number) => number }

export const shifts: readonly Shift[] = [
  { name: '1 of 31 features by 1 deviation', moved: (random, f) => random.normal() + (f === 4 ? 1 : 0) },
  { name: '1 of 31 features by 0.5', moved: (random, f) => random.normal() + (f === 4 ? 0.5 : 0) },
  { name: '10 of 31 features by 0.3', moved: (random, f) => random.normal() + (f < 10 ? 0.3 : 0) },
  { name: '1 of 31 features 1.5 times as wide', moved: (random, f) => random.normal() * (f === 4 ? 1.5 : 1) },
  { name: '1 of 31 features missing in 5 %', moved: (random, f) => (f === 4 && random.bernoulli(0.05) ? Number.NaN : random.normal()) },
  { name: '5 features by 2 deviations in 25 % of rows', moved: mixture() },
]

/** A quarter of the rows comes from somewhere else, as in an attack; the same rows for all features. */
function mixture(): Shift['moved'] {
  let odd = false
  return (random, feature) => {
    if (feature === 0) odd = random.bernoulli(0.25)
    return random.normal() + (odd && feature < 5 ? 2 : 0)
  }
}

/** Delays in rows from the change to the alarm, over streams each with its own reference; and alarms before the change. */
export function featureDelays(shift: Shift, streams: number, budget: number): { readonly delays: number[]; readonly early: number } {
  let early = 0
  const delays: number[] = []
  for (let s = 0; s < streams; s++) {
    const random = createRandom(`${shift.name} ${s}`)
    const row = firstAlarm(referenceOf(random), random, shift, budget)
    if (row <= 0) early++
    else delays.push(row)
  }
  return { delays, early }
}

function referenceOf(random: Random): Profile {
  const columns = Array.from({ length: FEATURES }, () => Float32Array.from({ length: REFERENCE_ROWS }, () => random.normal()))
  return profileFrom(
    columns.map((_, f) => `f${f}`),
    columns,
  )
}

/** The row of the first alarm, counted from the change; infinite when there is none. */
function firstAlarm(profile: Profile, random: Random, shift: Shift, budget: number): number {
  const detector = createDetector({ profile, falseAlarmEveryRows: budget, tolerance: 0 })
  const block = createSketch(profile)
  const values = new Float32Array(FEATURES)
  for (let at = 1 - STABLE_ROWS; at <= CHANGED_ROWS; at++) {
    for (let f = 0; f < FEATURES; f++) values[f] = at > 0 ? shift.moved(random, f) : random.normal()
    observe(block, values)
    if (block.rows < BLOCK_ROWS) continue
    if (advanceDetector(detector, block).alarm) return at
    resetSketch(block)
  }
  return Number.POSITIVE_INFINITY
}
