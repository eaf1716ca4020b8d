import { expect, test } from 'vitest'
import { createRandom, type Random } from '../random.ts'
import { advanceDetector, createDetector, type Detector, detectorState, resetDetector } from './e-detector.ts'
import { type Profile, profileFrom } from './profile.ts'
import { createSketch, observe, resetSketch } from './sketch.ts'

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

test('an estimated reference gives no false alarm on long null streams', () => {
  for (const [size, rows] of [
    [2_000, 1_000_000],
    [2_000, 200_000],
    [3_000, 200_000],
    [5_000, 200_000],
  ] as const) {
    const detector = createDetector({
      profile: profileOf(`reference ${rows} ${size}`, size, 4, calm),
      falseAlarmEveryRows: 100_000,
      tolerance: 0,
    })
    const { alarmRow, highest } = run(detector, `null ${size}`, rows, calm, 250)
    expect(alarmRow).toBe(-1)
    expect(highest).toBeLessThan(detector.threshold)
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
  expect(() => createDetector({ profile, falseAlarmEveryRows: 10 }, { rows: 1, capital: btoa('abcd') })).toThrow('reset it')
  const other = profileOf('refused', 100, 2, (random) => random.normal())
  expect(() => advanceDetector(createDetector({ profile, falseAlarmEveryRows: 10 }), createSketch(other))).toThrow('another profile')
})
