import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import type { StreamingDetector } from './detector.ts'
import { createStreamingDetector, type StreamingSetting, streamingDetectors } from './registry.ts'

type Sample = 'number' | 'error' | 'cell'
type Stream = { readonly sample: Sample; readonly seed: number; readonly parts: readonly (readonly [number, number])[] }
type Case = { readonly stream: string; readonly setting: StreamingSetting; readonly drifts: number[]; readonly warnings: number }
type Fixture = { readonly streams: Record<string, Stream>; readonly cases: readonly Case[] }
const { streams, cases } = JSON.parse(readFileSync(`${import.meta.dirname}/fixtures/drifts.json`, 'utf8')) as Fixture

/** The streams of fixtures/record.py, by the same rule. */
function samplesOf({ sample, seed, parts }: Stream): number[] {
  let state = seed
  const next = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const draw = (level: number): number => {
    if (sample === 'error') return next() < level ? 1 : 0
    if (sample === 'number') return next() + next() + next() - 1.5 + level
    const label = next() < 0.4 ? 1 : 0
    return 2 * label + (next() < level ? 1 - label : label)
  }
  return parts.flatMap(([rows, level]) => Array.from({ length: rows }, () => draw(level)))
}

function run(detector: StreamingDetector, samples: readonly number[]) {
  const drifts: number[] = []
  let warnings = 0
  samples.forEach((value, row) => {
    const signal = detector.update(value)
    if (signal === 'drift') drifts.push(row)
    if (signal === 'warning') warnings++
  })
  return { drifts, warnings }
}

/** A setting of the kind, with what it must be given. */
const settingOf = (kind: string): StreamingSetting => ({
  kind,
  ...(kind.startsWith('e-') && kind !== 'e-rank' ? { baseline: 0.2 } : {}),
  ...(kind === 'e-gaussian' ? { sigma: 1 } : {}),
})
const kinds = Object.keys(streamingDetectors)
/** Those without a budget, which are recorded. */
const recorded = kinds.filter((kind) => !('falseAlarmEvery' in streamingDetectors[kind]!.defaults))

const streamFor = (kind: string) => samplesOf(streams[streamingDetectors[kind]!.sample === 'cell' ? 'cells' : 'steps']!)

test.each(cases)('$setting on $stream: the drifts and warnings of the oracle, row by row', ({ setting, stream, drifts, warnings }) => {
  expect(run(createStreamingDetector(setting), samplesOf(streams[stream]!))).toEqual({ drifts, warnings })
})

test('every kind is recorded', () => {
  expect(new Set(cases.map(({ setting }) => setting.kind))).toEqual(new Set(recorded))
})

test.each(kinds)('%s: at any point its state through JSON has the same future', (kind) => {
  const samples = streamFor(kind)
  const whole = createStreamingDetector(settingOf(kind))
  let copy = createStreamingDetector(settingOf(kind))
  // The intervals of LFR are computed anew for every copy.
  const every = kind === 'lfr' ? 311 : 7
  samples.forEach((value, row) => {
    if (row % every === 0) copy = createStreamingDetector(settingOf(kind), JSON.parse(JSON.stringify(copy.state())))
    expect(copy.update(value)).toBe(whole.update(value))
    if (row % 501 === 0) expect(copy.state()).toEqual(whole.state())
  })
  expect(copy.samples).toBe(whole.samples)
})

test.each(kinds)('%s: merging counts all samples, with nothing is nothing, and into nothing is a copy', (kind) => {
  const [one, other, none] = [
    createStreamingDetector(settingOf(kind)),
    createStreamingDetector(settingOf(kind)),
    createStreamingDetector(settingOf(kind)),
  ]
  const samples = streamFor(kind).slice(0, 400)
  run(one, samples.slice(0, 150))
  run(other, samples.slice(150, 300))
  const before = one.state()
  one.merge(none.state())
  expect(one.state()).toEqual(before)
  none.merge(one.state())
  expect(none.state()).toEqual(before)
  const counted = one.samples + other.samples
  one.merge(other.state())
  expect(one.samples).toBe(counted)
  for (const value of samples.slice(300)) expect(['stable', 'warning', 'drift']).toContain(one.update(value))
  one.reset()
  expect(one.state()).toEqual(createStreamingDetector(settingOf(kind)).state())
})

test.each(['kswin', 'stepd', 'lfr', 'e-bernoulli', 'e-bounded', 'e-gaussian'])('%s: merging is exactly the concatenation', (kind) => {
  const samples = streamFor(kind)
  const [whole, one, other] = [
    createStreamingDetector(settingOf(kind)),
    createStreamingDetector(settingOf(kind)),
    createStreamingDetector(settingOf(kind)),
  ]
  const calm = samples.slice(500, 700)
  expect(run(whole, calm).drifts).toEqual([])
  run(one, calm.slice(0, 80))
  run(other, calm.slice(80))
  one.merge(other.state())
  const rest = samples.slice(700)
  expect(run(one, rest)).toEqual(run(whole, rest))
})

test('merged means, variances and windows are those of all samples', () => {
  const samples = streamFor('adwin').slice(0, 300)
  const memoryOf = (kind: string, parts: readonly (readonly number[])[]) => {
    const [first, ...others] = parts.map((part) => {
      const detector = createStreamingDetector(settingOf(kind))
      run(detector, part)
      return detector
    })
    for (const other of others) first!.merge(other.state())
    return first!.state().memory as Record<string, number> & { all: { mean: number; squares: number } }
  }
  const parts = [samples.slice(0, 120), samples.slice(120)]
  const [adwin, together] = [memoryOf('adwin', parts), memoryOf('adwin', [samples])]
  for (const field of ['total', 'squares', 'width', 'ticks']) expect(adwin[field]).toBeCloseTo(together[field]!, 9)
  expect(memoryOf('page-hinkley', parts).mean).toBeCloseTo(memoryOf('page-hinkley', [samples]).mean!, 12)
  expect(memoryOf('ddm', parts).rate).toBeCloseTo(memoryOf('ddm', [samples]).rate!, 12)
  expect(memoryOf('hddm-a', parts).all.mean).toBeCloseTo(memoryOf('hddm-a', [samples]).all.mean, 12)
  expect(memoryOf('hddm-w', parts).all.squares).toBeCloseTo(memoryOf('hddm-w', [samples]).all.squares, 12)
  expect(memoryOf('hddm-w', parts).all.mean).toBeCloseTo(memoryOf('hddm-w', [samples]).all.mean, 2)
  expect(memoryOf('mddm', parts).window).toEqual(memoryOf('mddm', [samples]).window)
})

test.each(recorded)('%s: constant and tied samples are no drift', (kind) => {
  for (const value of [0, ...(streamingDetectors[kind]!.sample === 'cell' ? [] : [1])])
    expect(run(createStreamingDetector(settingOf(kind)), new Array(500).fill(value)).drifts).toEqual([])
})

test.each(kinds)('%s: what is no sample is refused and leaves no trace', (kind) => {
  const detector = createStreamingDetector(settingOf(kind))
  const wrong = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    ...({ number: [], share: [-1, 4] }[streamingDetectors[kind]!.sample as string] ?? [0.5, -1, 4]),
  ]
  for (const value of wrong) expect(() => detector.update(value)).toThrow('a sample')
  expect(detector.state()).toEqual(createStreamingDetector(settingOf(kind)).state())
})

test('the intervals of LFR hold what a constant rate gives', () => {
  const random = createRandom('lfr')
  const detector = createStreamingDetector({ kind: 'lfr', driftSignificance: 0.001 })
  const alarms = Array.from({ length: 200 }, () => {
    detector.reset()
    const cells = Array.from({ length: 300 }, () => random.choice([0, 3]) ^ (random.bernoulli(0.2) ? 1 : 0))
    return run(detector, cells).drifts.length
  }).reduce((sum, drifts) => sum + drifts, 0)
  // Two rates of four change with every sample, and each has two ends.
  expect(alarms).toBeLessThan(200 * 300 * 2 * 2 * 2 * 0.001)
  expect(alarms).toBeGreaterThan(0)
})

test('settings and states that make no sense are refused', () => {
  const make = (setting: object) => () => createStreamingDetector(setting as StreamingSetting)
  expect(make({ kind: 'toString' })).toThrow('no detector of kind toString')
  expect(make({ kind: 'e-gaussian', baseline: 1 })).toThrow('needs sigma')
  expect(make({ kind: 'adwin', depth: 3 })).toThrow('no option depth')
  expect(make({ kind: 'adwin', delta: '0.1' })).toThrow('delta of adwin is a number')
  const wrong: StreamingSetting[] = [
    { kind: 'adwin', delta: 0 },
    { kind: 'adwin', clock: 0.5 },
    { kind: 'page-hinkley', threshold: Number.NaN },
    { kind: 'page-hinkley', mode: 'sideways' },
    { kind: 'page-hinkley', alpha: 0 },
    { kind: 'kswin', windowSize: 40 },
    { kind: 'kswin', statSize: 20_000, windowSize: 50_000 },
    { kind: 'ddm', driftThreshold: -1 },
    { kind: 'eddm', alpha: 0.8 },
    { kind: 'hddm-a', driftConfidence: 1 },
    { kind: 'hddm-w', lambda: 0 },
    { kind: 'stepd', windowSize: 0 },
    { kind: 'mddm', weights: 'B' },
    { kind: 'mddm', growth: -1 },
    { kind: 'lfr', decay: 1 },
    { kind: 'e-bernoulli', baseline: 0 },
    { kind: 'e-bernoulli', baseline: 0.2, falseAlarmEvery: 0 },
    { kind: 'e-bernoulli', baseline: 0.2, direction: 'left' },
    { kind: 'e-bounded', baseline: 0.2, baselineSamples: 1 },
    { kind: 'e-bounded', baseline: 0.2, form: 'glr' },
    { kind: 'e-gaussian', baseline: 0, sigma: 0 },
    { kind: 'e-rank', warmUp: 1 },
    { kind: 'e-rank', bins: 1_000 },
    { kind: 'conformal', jump: 0 },
  ]
  for (const setting of wrong) expect(make(setting)).toThrow(RangeError)
  const { state } = createStreamingDetector({ kind: 'ddm' })
  expect(() => createStreamingDetector({ kind: 'eddm' }, state())).toThrow('does not fit')
  expect(() => createStreamingDetector({ kind: 'ddm', warmStart: 10 }, state())).toThrow('reset it')
  expect(() => createStreamingDetector({ kind: 'ddm' }, { ...state(), memory: null })).toThrow('reset it')
})
