import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { profileFrom } from '../profile/profile.ts'
import { createSketch, observe, resetSketch } from '../profile/sketch.ts'
import { advanceSegments, createSegmentedDetector, forgetSegments, segmentedState } from './segments.ts'

const random = createRandom('segments')
const segments = [
  { name: 'large', level: 0, weight: 3 },
  { name: 'small', level: 5, weight: 1 },
].map(({ name, level, weight }) => {
  const column = Float64Array.from({ length: 2_000 }, () => level + random.normal())
  return { name, level, weight, profile: profileFrom(['x'], [column]) }
})

/** Feeds blocks of 90 rows of the large and 10 of the small segment; returns the first block with an alarm, or -1. */
function firstAlarm(detector: ReturnType<typeof createSegmentedDetector>, blocks: number, moved: number) {
  const sketches = new Map(segments.map(({ name, profile }) => [name, createSketch(profile)]))
  for (let at = 0; at < blocks; at++) {
    for (const { name, level } of segments) {
      const sketch = sketches.get(name)!
      resetSketch(sketch)
      const rows = name === 'large' ? 90 : 10
      for (let row = 0; row < rows; row++) observe(sketch, Float64Array.of(level + random.normal() + (name === 'small' ? moved : 0)))
    }
    const reading = advanceSegments(detector, sketches)
    if (reading.alarm) return { at, leading: reading.perSegment.toSorted((a, b) => b.share - a.share)[0]!.name }
  }
  return { at: -1, leading: '' }
}

test('a change in a small segment is found and named, and calm segments alarm within the budget', () => {
  const options = { segments, falseAlarmEveryRows: 10_000, tolerance: 0 }
  const detector = createSegmentedDetector(options)
  let alarms = 0
  for (let blocks = 0; blocks < 1_000; ) {
    const { at } = firstAlarm(detector, 1_000 - blocks, 0)
    if (at < 0) break
    alarms++
    blocks += at + 1
    forgetSegments(detector)
  }
  expect(alarms).toBeLessThanOrEqual(10)
  const copy = createSegmentedDetector(options, JSON.parse(JSON.stringify(segmentedState(detector))))
  expect(segmentedState(copy)).toEqual(segmentedState(detector))
  forgetSegments(copy)
  const { at, leading } = firstAlarm(copy, 60, 1)
  expect(at).toBeGreaterThanOrEqual(0)
  expect(leading).toBe('small')
})

test('a segment without rows keeps its evidence, and what makes no sense is refused', () => {
  const detector = createSegmentedDetector({ segments, falseAlarmEveryRows: 10_000 })
  const block = createSketch(segments[0]!.profile)
  for (let row = 0; row < 50; row++) observe(block, Float64Array.of(random.normal()))
  const reading = advanceSegments(detector, new Map([['large', block]]))
  expect(reading.perSegment.map(({ evidence }) => evidence > 0)).toEqual([true, false])
  expect(advanceSegments(detector, new Map([['small', createSketch(segments[1]!.profile)]])).family).toBe(reading.family)
  expect(() => advanceSegments(detector, new Map([['none', block]]))).toThrow('no segment none; there are large, small')
  expect(() => createSegmentedDetector({ segments: [], falseAlarmEveryRows: 10 })).toThrow('at least one segment')
  expect(() => createSegmentedDetector({ segments: [segments[0]!, segments[0]!], falseAlarmEveryRows: 10 })).toThrow('same name')
  expect(() => createSegmentedDetector({ segments: [{ ...segments[0]!, weight: 0 }], falseAlarmEveryRows: 10 })).toThrow('weight')
})
