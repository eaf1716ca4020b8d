import { expect, test } from 'vitest'
import { createRandom, type Random } from '../../random.ts'
import { createStreamingDetector, type StreamingSetting } from './registry.ts'

const BUDGET = 150
type Draw = (random: Random) => number
const rate: (p: number) => Draw = (p) => (random) => (random.bernoulli(p) ? 1 : 0)
const nulls: readonly (readonly [string, StreamingSetting, Draw])[] = [
  ['known rate', { kind: 'e-bernoulli', baseline: 0.2 }, rate(0.2)],
  ['rare rate', { kind: 'e-bernoulli', baseline: 0.01, direction: 'up' }, rate(0.01)],
  ['known mean', { kind: 'e-bounded', baseline: 0.5 }, (random) => random.next()],
  ['mean below', { kind: 'e-bounded', baseline: 0.5, direction: 'up' }, (random) => random.next() ** 2],
  ['known level', { kind: 'e-gaussian', baseline: 3, sigma: 2 }, (random) => 3 + 2 * random.normal()],
  ['ranks', { kind: 'e-rank', warmUp: 20 }, (random) => Math.exp(random.normal())],
  ['tied ranks', { kind: 'e-rank', warmUp: 20 }, (random) => random.int(3)],
  ['jumper', { kind: 'conformal', warmUp: 20 }, (random) => random.normal()],
]

/** Samples to each of `runs` first alarms, of detectors begun afresh. */
function runLengths(setting: StreamingSetting, seed: string, draw: Draw, runs: number): number[] {
  const random = createRandom(seed)
  return Array.from({ length: runs }, () => {
    const detector = createStreamingDetector(setting)
    for (let samples = 1; ; samples++) if (detector.update(draw(random)) === 'drift' || samples === 10 * BUDGET) return samples
  })
}

test.each(nulls)('%s: without change the mean run length is at least the budget', (name, setting, draw) => {
  for (const form of ['shiryaev-roberts', 'cusum']) {
    const lengths = runLengths({ ...setting, form, falseAlarmEvery: BUDGET }, `${name} ${form}`, draw, 80)
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length
    const deviation = Math.sqrt(lengths.reduce((sum, length) => sum + (length - mean) ** 2, 0) / (lengths.length - 1) / lengths.length)
    // The lower end of a one-sided interval at three standard errors; runs are cut off, which only lowers the mean.
    expect(mean + 3 * deviation).toBeGreaterThan(BUDGET)
    if (form === 'shiryaev-roberts') expect(mean).toBeGreaterThan(BUDGET)
  }
})

test('an estimated baseline keeps the budget over baselines', () => {
  const random = createRandom('estimated')
  let alarms = 0
  for (let stream = 0; stream < 60; stream++) {
    const baseline = random.binomial(500, 0.2) / 500
    const detector = createStreamingDetector({ kind: 'e-bernoulli', baseline, baselineSamples: 500, falseAlarmEvery: 1_000 })
    for (let sample = 0; sample < 2_000; sample++) if (detector.update(random.bernoulli(0.2) ? 1 : 0) === 'drift') alarms++
  }
  expect(alarms).toBeLessThanOrEqual((60 * 2_000) / 1_000)
})

const changes: readonly (readonly [StreamingSetting, Draw, Draw, number])[] = [
  [{ kind: 'e-bernoulli', baseline: 0.2 }, rate(0.2), rate(0.4), 150],
  [{ kind: 'e-bernoulli', baseline: 0.2, form: 'cusum' }, rate(0.2), rate(0.05), 250],
  [{ kind: 'e-bounded', baseline: 0.5 }, (random) => random.next(), (random) => Math.sqrt(random.next()), 150],
  [{ kind: 'e-gaussian', baseline: 0, sigma: 1 }, (random) => random.normal(), (random) => random.normal() - 1, 60],
  [{ kind: 'e-rank' }, (random) => random.normal(), (random) => random.normal() + 1, 120],
  [{ kind: 'e-rank' }, (random) => random.normal(), (random) => 3 * random.normal(), 250],
  [{ kind: 'conformal' }, (random) => random.normal(), (random) => random.normal() + 1, 250],
  [{ kind: 'conformal', form: 'cusum' }, (random) => random.normal(), (random) => random.normal() + 1, 250],
]

test.each(changes)('%o finds a change', (setting, before, after, limit) => {
  const delays = Array.from({ length: 20 }, (_, i) => {
    const random = createRandom(`${JSON.stringify(setting)} ${i}`)
    const detector = createStreamingDetector({ ...setting, falseAlarmEvery: 10_000 })
    for (let sample = 0; sample < 2_000; sample++) detector.update(before(random))
    for (let delay = 1; delay <= 2_000; delay++) if (detector.update(after(random)) === 'drift') return delay
    return Number.POSITIVE_INFINITY
  }).sort((a, b) => a - b)
  expect(delays[10]).toBeLessThan(limit)
})

test('the best bet never has more than the sum of them', () => {
  const random = createRandom('forms')
  const [sum, best] = ['shiryaev-roberts', 'cusum'].map((form) => createStreamingDetector({ kind: 'e-bernoulli', baseline: 0.2, form }))
  const capitalOf = (detector: typeof sum) => (detector!.state().memory as { capital: number[] }).capital
  for (let i = 0; i < 300; i++) {
    const value = random.bernoulli(0.2) ? 1 : 0
    sum!.update(value)
    best!.update(value)
    capitalOf(best).forEach((capital, bet) => {
      expect(capital).toBeLessThanOrEqual(capitalOf(sum)[bet]! * (1 + 1e-12))
    })
  }
})

test('merged in parts the capital is that of all samples', () => {
  for (const form of ['shiryaev-roberts', 'cusum']) {
    const random = createRandom('merge')
    const setting = { kind: 'e-gaussian', baseline: 0, sigma: 1, form, falseAlarmEvery: 1e9 }
    const whole = createStreamingDetector(setting)
    const merged = createStreamingDetector(setting)
    for (let part = 0; part < 8; part++) {
      const own = createStreamingDetector(setting)
      for (let i = 0; i < 40 + part; i++) {
        const value = random.normal()
        own.update(value)
        whole.update(value)
      }
      merged.merge(JSON.parse(JSON.stringify(own.state())))
    }
    const [a, b] = [whole, merged].map((detector) => detector.state().memory as { capital: number[]; logProduct: number[] })
    a!.capital.forEach((capital, bet) => {
      expect(b!.capital[bet]! / capital).toBeCloseTo(1, 9)
      expect(b!.logProduct[bet]).toBeCloseTo(a!.logProduct[bet]!, 9)
    })
    expect(merged.samples).toBe(whole.samples)
  }
})

test('a stream still in its warm-up is merged sample by sample', () => {
  for (const kind of ['e-rank', 'conformal']) {
    const random = createRandom('warm')
    const values = Array.from({ length: 500 }, () => random.normal())
    const [whole, one, other] = [0, 1, 2].map(() => createStreamingDetector({ kind }))
    for (const value of values) whole!.update(value)
    for (const value of values.slice(0, 350)) one!.update(value)
    for (const value of values.slice(350)) other!.update(value)
    one!.merge(other!.state())
    expect(one!.state()).toEqual(whole!.state())
  }
})
