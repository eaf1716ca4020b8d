import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { advanceErrorDetector, createErrorDetector, forgetErrorEvidence } from './error-detector.ts'
import { type SimulationOptions, simulate, type Watch } from './simulate.ts'

const random = createRandom('simulate')
const reference = [
  Float64Array.from({ length: 800 }, () => random.normal()),
  Float64Array.from({ length: 800 }, () => (random.bernoulli(0.1) ? 1 : 0)),
]

function errorWatch(budget: number): (reference: readonly Float64Array[]) => Watch {
  return ([, errors]) => {
    const detector = createErrorDetector({
      baselineRate: errors!.reduce((sum, error) => sum + error, 0) / errors!.length,
      baselineSampleSize: errors!.length,
      falseAlarmEveryRows: budget,
    })
    return (row) => {
      const { alarm } = advanceErrorDetector(detector, row[1]!, 1)
      if (alarm) forgetErrorEvidence(detector)
      return alarm
    }
  }
}

const options: SimulationOptions = {
  reference,
  create: errorWatch(500),
  streams: 20,
  rowsPerStream: 2_000,
  falseAlarmEveryRows: 500,
  resampleReference: true,
  shifts: [
    { kind: 'error', column: 1, points: 30 },
    { kind: 'error', column: 1, points: 10 },
  ],
  shiftStreams: 10,
  seed: 'test',
}

function finish(given: SimulationOptions) {
  const steps = simulate(given)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

test('false alarms are held against the budget, delays grow as shifts shrink, and the same seed is the same result', () => {
  const result = finish(options)
  expect(result.nulls).toMatchObject({ streams: 20, rows: 40_000 })
  expect(result.nulls.verdict).not.toBe('beyond')
  expect(result.nulls.runLengths.filter((length) => length !== null).length).toBeLessThanOrEqual(result.nulls.falseAlarms)
  const [large, small] = result.shifts
  expect(large!.missed).toBe(0)
  expect(large!.median!).toBeLessThan(small!.median!)
  expect(JSON.parse(JSON.stringify(finish(options)))).toEqual(result)
})

test('a detector that alarms too often is beyond its budget, one that never does within', () => {
  const always = finish({ ...options, shifts: [], create: () => () => true })
  expect(always.nulls).toMatchObject({ falseAlarms: 40_000, rate: 1, verdict: 'beyond', budgetUsed: 500 })
  const never = finish({ ...options, create: () => () => false })
  expect(never.nulls).toMatchObject({ falseAlarms: 0, rate: 0, verdict: 'within' })
  expect(never.shifts[0]).toMatchObject({ missed: 10, median: null, early: 0 })
  const early = finish({ ...options, streams: 1, create: () => () => true })
  expect(early.shifts[0]).toMatchObject({ early: 10, delays: [], median: null })
})

test('it reports after every stream and can be left', () => {
  const seen: number[] = []
  for (const { done, of, result } of simulate(options)) {
    seen.push(done)
    expect(of).toBe(40)
    expect(result.nulls.streams).toBe(Math.min(done, 20))
    if (done === 3) break
  }
  expect(seen).toEqual([1, 2, 3])
})

test('every shift does what it says, and blocks keep neighbours together', () => {
  const sums = { mean: 0, share: 0, missing: 0 }
  const shifts = [
    { kind: 'mean', column: 0, deviations: 2 },
    { kind: 'share', column: 0, value: 99, share: 0.25 },
    { kind: 'missing', column: 0, share: 0.5 },
  ] as const
  for (const shift of shifts) {
    const create = () => (row: Float64Array) => {
      if (shift.kind === 'mean') sums.mean += row[0]! / 1_000
      if (shift.kind === 'share') sums.share += row[0] === 99 ? 0.001 : 0
      if (shift.kind === 'missing') sums.missing += Number.isNaN(row[0]!) ? 0.001 : 0
      return false
    }
    const only = { ...options, create, streams: 1, rowsPerStream: 1_000, calmRows: 1, shifts: [shift], shiftStreams: 1 }
    const before = sums.mean
    finish(only)
    if (shift.kind === 'mean') expect(sums.mean - before).toBeGreaterThan(1.5)
  }
  expect(sums.share).toBeCloseTo(0.25, 1)
  expect(sums.missing).toBeCloseTo(0.5, 1)
  let neighbours = 0
  let last = -2
  const index = [Float64Array.from({ length: 100 }, (_, i) => i)]
  const create = () => (row: Float64Array) => {
    if (row[0] === (last + 1) % 100) neighbours++
    last = row[0]!
    return false
  }
  finish({ ...options, reference: index, create, streams: 1, rowsPerStream: 1_000, shifts: [], blockRows: 10, resampleReference: false })
  expect(neighbours).toBeGreaterThanOrEqual(900)
})

test('what makes no sense is refused', () => {
  const wrong: Partial<SimulationOptions>[] = [
    { reference: [] },
    { reference: [new Float64Array(3), new Float64Array(2)] },
    { streams: 0 },
    { rowsPerStream: 0.5 },
    { blockRows: 801 },
    { falseAlarmEveryRows: 0 },
    { shifts: [{ kind: 'missing', column: 2, share: 0.1 }] },
  ]
  for (const part of wrong) expect(() => finish({ ...options, ...part })).toThrow(RangeError)
})
