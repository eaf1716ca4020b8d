import { profileFrom } from '../../src/lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../src/lib/drift/profile/sketch.ts'
import { advanceDetector, createDetector } from '../../src/lib/drift/streaming/feature-detector.ts'
import { createStreamingDetector, type StreamingSetting, streamingDetectors } from '../../src/lib/drift/streaming/registry.ts'
import { createRandom } from '../../src/lib/random.ts'
import { errorWatch } from './own-detectors.ts'
import { runPeer } from './peers.ts'
import { lengths, scenarios, streamsOf } from './streams.ts'
import { tableOf } from './table.ts'

const FEATURES = 31
const ROWS = 64_000
const REPEATS = 3

/** The least of a few tries, in nanoseconds per unit: what the machine can do when nothing disturbs it. */
function nanoseconds(units: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now()
    work()
    best = Math.min(best, (1e6 * (performance.now() - start)) / units)
  }
  return best
}

/** What counting and detecting cost per feature value, with a look after every block of rows. */
export function hotPathTable(): string {
  const random = createRandom('cost')
  const columns = Array.from({ length: FEATURES }, () => Float64Array.from({ length: 3_000 }, () => random.normal()))
  const profile = profileFrom(
    columns.map((_, f) => `f${f}`),
    columns,
  )
  const values = Float64Array.from({ length: ROWS * FEATURES }, () => random.normal())
  const counting = (look: (() => void) | undefined, blockRows: number, block = createSketch(profile)) =>
    nanoseconds(ROWS * FEATURES, () => {
      for (let row = 0; row < ROWS; row++) {
        observe(block, values, row * FEATURES)
        if (block.rows < blockRows) continue
        look?.()
        resetSketch(block)
      }
    })
  const rows = [64, 256, 1_024].map((blockRows) => {
    const detector = createDetector({ profile, falseAlarmEveryRows: 100_000 })
    const block = createSketch(profile)
    const whole = counting(() => advanceDetector(detector, block), blockRows, block)
    return [blockRows, counting(undefined, blockRows).toFixed(0), whole.toFixed(0)]
  })
  return tableOf(['rows per block', 'counting, ns per value', 'counting and detecting, ns per value'], rows)
}

/** Nanoseconds per sample of every streaming detector, and of River's in the same run where there is a Python with it. */
export function samplesTable(python: string | undefined): string {
  const errors = streamsOf(scenarios[0]!, 1)
  const sizes = [lengths.reference, lengths.stable, lengths.changed].map(String)
  const text = python ? runPeer('cost.py', python, errors, [...sizes, 'error']) : undefined
  const peers = (text ? JSON.parse(text) : {}) as Record<string, number>
  const own = Object.entries(streamingDetectors).map(([kind, { required = [], defaults }]) => {
    const setting = { kind, ...Object.fromEntries(required.map((name) => [name, defaults[name]!])) } as StreamingSetting
    const detector = createStreamingDetector(setting)
    const cost = nanoseconds(errors.length, () => {
      for (const error of errors) detector.update(error)
    })
    return [kind, cost.toFixed(0), peers[kind]?.toFixed(0) ?? '']
  })
  const watch = errorWatch(10_000)(errors.subarray(0, lengths.reference))
  const cost = nanoseconds(errors.length, () => {
    for (const error of errors) watch(error)
  })
  return tableOf(['detector', 'ns per sample', 'River, ns per sample'], [['labelled error, row by row', cost.toFixed(0), ''], ...own])
}
