import { expect, test } from 'vitest'
import { createRandom, type Random } from '../../random.ts'
import { type Profile, profileFrom } from '../profile/profile.ts'
import { createSketch, observe, resetSketch, sketchToJson } from '../profile/sketch.ts'
import {
  advanceDetector,
  createDetector,
  type Detector,
  type DetectorState,
  detectorState,
  forgetEvidence,
  isDetectorState,
  resetDetector,
} from './feature-detector.ts'

type Draw = (random: Random, feature: number, row: number) => number

function profileOf(seed: string, size: number, features: number, draw: Draw): Profile {
  const random = createRandom(seed)
  const columns = Array.from({ length: features }, (_, f) => Float64Array.from({ length: size }, (_, row) => draw(random, f, row)))
  return profileFrom(
    columns.map((_, f) => `f${f}`),
    columns,
  )
}

/** Runs rows through the detector; returns the row at which it first alarmed, or -1, and the highest evidence seen. */
function run(detector: Detector, seed: string, rows: number, draw: Draw, blockRows = 100) {
  const random = createRandom(seed)
  const block = createSketch(detector.profile)
  const values = new Float32Array(detector.profile.features.length)
  let highest = 0
  let alarmRow = -1
  let leading = ''
  for (let row = 0; row < rows && alarmRow < 0; row++) {
    for (let f = 0; f < values.length; f++) values[f] = draw(random, f, row)
    observe(block, values)
    if (block.rows < blockRows) continue
    const reading = advanceDetector(detector, block)
    resetSketch(block)
    highest = Math.max(highest, reading.family)
    if (!reading.alarm) continue
    alarmRow = row
    leading = reading.perStream.toSorted((a, b) => b.share - a.share)[0]!.name
  }
  return { alarmRow, highest, leading }
}

const calm: Draw = (random, feature) =>
  feature === 1 ? random.int(4) : feature === 2 && random.bernoulli(0.02) ? Number.NaN : random.normal()

test('an estimated reference gives no more false alarms than the budget allows, on long null streams too', () => {
  for (const [size, rows, budget, streams] of [
    [500, 5_000, 1_000, 40],
    [2_000, 1_000_000, 100_000, 1],
    [2_000, 200_000, 10_000, 2],
    [5_000, 200_000, 10_000, 1],
  ] as const) {
    let alarms = 0
    for (let stream = 0; stream < streams; stream++) {
      const profile = profileOf(`reference ${rows} ${size} ${stream}`, size, 4, calm)
      const detector = createDetector({ profile, falseAlarmEveryRows: budget, tolerance: 0 })
      for (let at = 0, part = 0; at < rows; part++) {
        const { alarmRow } = run(detector, `null ${size} ${stream} ${part}`, rows - at, calm, 250)
        if (alarmRow < 0) break
        alarms++
        at += alarmRow + 1
        forgetEvidence(detector)
      }
    }
    expect(alarms).toBeLessThanOrEqual((streams * rows) / budget)
  }
})

test('a moved feature is found within a few hundred rows and named', () => {
  const detector = createDetector({ profile: profileOf('reference', 3_000, 31, (random) => random.normal()), falseAlarmEveryRows: 100_000 })
  for (const [shift, limit] of [
    [1, 300],
    [0.6, 600],
  ] as const) {
    resetDetector(detector)
    const { alarmRow, leading } = run(
      detector,
      `shift ${shift}`,
      6_000,
      (random, f, row) => random.normal() + (f === 7 && row >= 2_000 ? shift : 0),
      50,
    )
    expect(alarmRow).toBeGreaterThanOrEqual(2_000)
    expect(alarmRow).toBeLessThan(2_000 + limit)
    expect(leading).toBe('f7')
  }
})

test('missing values, new extremes and a constant that changes are found', () => {
  const profile = profileOf('plain', 3_000, 3, (random, f) => (f === 2 ? 5 : random.normal()))
  const faults: Draw[] = [
    (random, f) => (f === 0 && random.bernoulli(0.2) ? Number.NaN : f === 2 ? 5 : random.normal()),
    (random, f) => (f === 1 && random.bernoulli(0.1) ? 40 : f === 2 ? 5 : random.normal()),
    (random, f) => (f === 2 ? 6 : random.normal()),
  ]
  faults.forEach((fault, f) => {
    const { alarmRow, leading } = run(createDetector({ profile, falseAlarmEveryRows: 100_000 }), `fault ${f}`, 1_000, fault)
    expect(alarmRow).toBeGreaterThan(0)
    expect(leading).toBe(`f${f}`)
  })
})

test('a change within the tolerance is left alone', () => {
  const profile = profileOf('tolerant', 5_000, 2, (random) => random.next())
  const drift: Draw = (random, f) => (f === 0 && random.bernoulli(0.05) ? 0.99 : random.next())
  expect(run(createDetector({ profile, falseAlarmEveryRows: 10_000, tolerance: 0.06 }), 'tolerated', 50_000, drift).alarmRow).toBe(-1)
  expect(run(createDetector({ profile, falseAlarmEveryRows: 10_000, tolerance: 0 }), 'tolerated', 50_000, drift).alarmRow).toBeGreaterThan(
    0,
  )
})

test('the state survives a restart to the last bit, and evidence without bound stays finite', () => {
  const profile = profileOf('state', 2_000, 2, (random) => random.normal())
  const options = { profile, falseAlarmEveryRows: 100_000 }
  const moved: Draw = (random) => random.normal() + 3
  const first = createDetector(options)
  run(first, 'before', 200, moved)
  const second = createDetector(options, JSON.parse(JSON.stringify(detectorState(first))))
  const block = createSketch(profile)
  const random = createRandom('after')
  for (let i = 0; i < 5_000; i++) observe(block, Float32Array.of(moved(random, 0, i), moved(random, 1, i)))
  const reading = advanceDetector(first, block)
  expect(advanceDetector(second, block)).toEqual(reading)
  expect(reading.alarm).toBe(true)
  expect(Number.isFinite(reading.family)).toBe(true)
  expect(reading.perStream.reduce((sum, stream) => sum + stream.share, 0)).toBeCloseTo(1, 9)
})

test('options and states that make no sense are refused', () => {
  const profile = profileOf('refused', 100, 1, (random) => random.normal())
  expect(() => createDetector({ profile, falseAlarmEveryRows: 0 })).toThrow('falseAlarmEveryRows')
  expect(() => createDetector({ profile, falseAlarmEveryRows: 10, tolerance: -1 })).toThrow('tolerance')
  expect(() => createDetector({ profile, falseAlarmEveryRows: 10, referenceError: 0 })).toThrow('referenceError')
  const fresh = createDetector({ profile, falseAlarmEveryRows: 10 })
  const { bags, learned, ...older } = detectorState(fresh)
  for (const state of [{}, older, { ...older, bags, learned: btoa('abcd') }, { ...older, learned, bags: [] }, { rows: 1, bags, learned }]) {
    expect(isDetectorState(fresh, state)).toBe(false)
    expect(() => createDetector({ profile, falseAlarmEveryRows: 10 }, state as DetectorState)).toThrow('reset it')
  }
  expect(isDetectorState(fresh, detectorState(fresh))).toBe(true)
  expect(() => advanceDetector(fresh, createSketch(profile), { stake: -1 })).toThrow('stake')
  expect(() => advanceDetector(fresh, createSketch(profile), { bucket: 1 })).toThrow('no bucket 1')
  expect(() => createDetector({ profile, falseAlarmEveryRows: 10, season: [] })).toThrow('season')
  expect(() => createDetector({ profile, falseAlarmEveryRows: 10, season: [{ sampleSize: 5, features: [] }] })).toThrow('season')
  const other = profileOf('refused', 100, 2, (random) => random.normal())
  expect(() => advanceDetector(createDetector({ profile, falseAlarmEveryRows: 10 }), createSketch(other))).toThrow('another profile')
})

test('a rhythm that the reference knows is no drift, and a change within it is', () => {
  const buckets = 4
  const value = (random: Random, bucket: number) => random.normal() + bucket
  const random = createRandom('season')
  const rows = Array.from({ length: 8_000 }, (_, row) => value(random, row % buckets))
  const profile = profileFrom(['load'], [Float64Array.from(rows)])
  const season = Array.from({ length: buckets }, (_, bucket) => {
    const sketch = createSketch(profile)
    rows.forEach((one, row) => {
      if (row % buckets === bucket) observe(sketch, Float64Array.of(one))
    })
    const { bins, missing } = sketchToJson(sketch).features[0]!
    return { sampleSize: sketch.rows, features: [{ expected: bins.map((count) => count / sketch.rows), missing: missing / sketch.rows }] }
  })
  const firstAlarm = (detector: Detector, moved: number, blocks: number) => {
    const block = createSketch(profile)
    for (let at = 0; at < blocks; at++) {
      resetSketch(block)
      const bucket = Math.floor(at / 10) % buckets
      for (let row = 0; row < 50; row++) observe(block, Float64Array.of(value(random, bucket) + (bucket === 2 ? moved : 0)))
      if (advanceDetector(detector, block, { bucket: detector.banks.length > 1 ? bucket : 0 }).alarm) return at
    }
    return -1
  }
  const plain = createDetector({ profile, falseAlarmEveryRows: 10_000, tolerance: 0 })
  expect(firstAlarm(plain, 0, 200)).toBeGreaterThanOrEqual(0)
  const seasonal = createDetector({ profile, falseAlarmEveryRows: 100_000, tolerance: 0, season })
  expect(firstAlarm(seasonal, 0, 800)).toBe(-1)
  const copy = createDetector(
    { profile, falseAlarmEveryRows: 100_000, tolerance: 0, season },
    JSON.parse(JSON.stringify(detectorState(seasonal))),
  )
  expect(detectorState(copy)).toEqual(detectorState(seasonal))
  expect(firstAlarm(copy, 0.7, 200)).toBeGreaterThanOrEqual(20)
})

test('with seconds as stakes the budget counts seconds, and without a stake nothing is risked', () => {
  const profile = profileOf('seconds', 2_000, 1, (random) => random.normal())
  const detectors = [0, 1, 10].map(() => createDetector({ profile, falseAlarmEveryRows: 100_000 }))
  const block = createSketch(profile)
  const random = createRandom('seconds')
  for (let i = 0; i < 100; i++) observe(block, Float64Array.of(random.normal()))
  const [none, one, ten] = detectors.map((detector, i) => advanceDetector(detector, block, { stake: [0, 1, 10][i]! }).family)
  expect(none).toBe(0)
  expect(ten! / one!).toBeCloseTo(10, 4)
})

test('forgetting the evidence keeps what was learned; a reset forgets both', () => {
  const profile = profileOf('forget', 2_000, 2, (random) => random.normal())
  const detector = createDetector({ profile, falseAlarmEveryRows: 100_000 })
  run(detector, 'learn', 500, (random) => random.normal())
  const { bags } = detectorState(detector)
  forgetEvidence(detector)
  expect(detectorState(detector)).toMatchObject({ rows: 0, bags })
  expect(atob(detectorState(detector).learned)).toMatch(/^\0+$/)
  resetDetector(detector)
  expect(detectorState(detector)).toEqual(detectorState(createDetector({ profile, falseAlarmEveryRows: 100_000 })))
})
