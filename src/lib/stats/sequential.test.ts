import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { advancePairedTest, createPairedTest, differenceInterval, type PairedTestOptions, pairedTestState } from './sequential.ts'

const options: PairedTestOptions = { alpha: 0.05, margin: 0.02, harmMargin: 0 }

/** A run with the given chances of the challenger alone, and the champion alone, being wrong; looks after every block. */
function run(seed: string, worse: number, better: number, looks: number, blockRows: number, over = options) {
  const random = createRandom(seed)
  const paired = createPairedTest(over)
  for (let look = 1; look <= looks; look++) {
    const lost = random.binomial(blockRows, worse)
    const won = random.binomial(blockRows - lost, better / (1 - worse))
    const { verdict } = advancePairedTest(paired, { worse: lost, better: won, tied: blockRows - lost - won })
    if (verdict !== 'undecided') return { verdict, rows: look * blockRows }
  }
  return { verdict: 'undecided' as const, rows: looks * blockRows }
}

test('each wrong verdict stays within alpha over 10,000 runs that are looked at sixty times', () => {
  let wronglyHarmful = 0
  let wronglyPassed = 0
  for (let i = 0; i < 10_000; i++) {
    if (run(`even ${i}`, 0.06, 0.06, 60, 15, { ...options, margin: -0.99 }).verdict === 'harmful') wronglyHarmful++
    if (run(`worse ${i}`, 0.08, 0.06, 60, 15, { ...options, harmMargin: 0.99 }).verdict === 'not worse') wronglyPassed++
  }
  expect(wronglyHarmful).toBeLessThanOrEqual(500)
  expect(wronglyPassed).toBeLessThanOrEqual(500)
  expect(wronglyHarmful + wronglyPassed).toBeGreaterThan(20) // the test does look, and does take its risk
})

test('a better challenger passes and a worse one is stopped within a few thousand rows', () => {
  const outcomes = (worse: number, better: number) => Array.from({ length: 100 }, (_, i) => run(`power ${i}`, worse, better, 300, 20))
  const passed = outcomes(0.03, 0.06)
  expect(passed.filter(({ verdict }) => verdict === 'not worse').length).toBeGreaterThanOrEqual(97)
  expect(passed.map(({ rows }) => rows).sort((a, b) => a - b)[50]).toBeLessThan(1_500)
  const stopped = outcomes(0.1, 0.04)
  expect(stopped.filter(({ verdict }) => verdict === 'harmful').length).toBeGreaterThanOrEqual(97)
})

test('evidence depends on the counts, not on how rows fell into blocks, and survives a restart', () => {
  const whole = advancePairedTest(createPairedTest(options), { worse: 4, better: 9, tied: 200 })
  const first = createPairedTest(options)
  advancePairedTest(first, { worse: 1, tied: 150 })
  const second = createPairedTest(options, JSON.parse(JSON.stringify(pairedTestState(first))))
  const reading = advancePairedTest(second, {
    differences: [...new Array<number>(3).fill(1), ...new Array<number>(9).fill(-1), ...new Array<number>(50).fill(0)],
  })
  expect(reading).toEqual(whole)
  expect(reading.rows).toBe(213)
  expect(reading.difference).toBeCloseTo(-5 / 213, 12)
})

test('the first verdict stays', () => {
  const paired = createPairedTest(options)
  expect(advancePairedTest(paired, { worse: 60, tied: 40 }).verdict).toBe('harmful')
  expect(advancePairedTest(paired, { better: 5_000 }).verdict).toBe('harmful')
})

test('the evidence is the mean of betting martingales written out row by row', () => {
  const random = createRandom('martingale')
  const differences = Array.from({ length: 40 }, () => random.choice([-1, -0.25, 0, 0.5, 1]))
  const stakes = [0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8]
  const mean = (capital: (stake: number) => number) => stakes.reduce((total, stake) => total + capital(stake), 0) / stakes.length
  const product = (factors: number[]) => factors.reduce((total, factor) => total * factor, 1)
  const { evidence } = advancePairedTest(createPairedTest(options), { differences })
  expect(Math.exp(evidence.notWorse)).toBeCloseTo(
    mean((stake) => product(differences.map((d) => 1 + (stake * (0.02 - d)) / 0.98))),
    9,
  )
  expect(Math.exp(evidence.harmful)).toBeCloseTo(
    mean((stake) => product(differences.map((d) => 1 + stake * d))),
    9,
  )
})

test('a difference between levels counts for both neighbours and never makes evidence', () => {
  const paired = createPairedTest(options)
  advancePairedTest(paired, { differences: [0.1] })
  const { levels } = pairedTestState(paired)
  expect(levels[17]! + levels[18]!).toBeCloseTo(1, 12)
  expect(levels[18]).toBeCloseTo(0.6, 12)
  expect(advancePairedTest(createPairedTest(options), { differences: [0.1] }).evidence.harmful).toBeLessThan(Math.log1p(0.1))
})

test('the confidence sequence covers the mean at all times together, and narrows', () => {
  let missed = 0
  let width = 0
  for (let i = 0; i < 200; i++) {
    const random = createRandom(`cover ${i}`)
    const paired = createPairedTest(options)
    let covered = true
    for (let look = 0; look < 20; look++) {
      const worse = random.binomial(50, 0.1)
      const better = random.binomial(50 - worse, 0.05 / 0.9)
      advancePairedTest(paired, { worse, better, tied: 50 - worse - better })
      const { low, high } = differenceInterval(paired)
      covered &&= low <= 0.05 && high >= 0.05
      width = high - low
    }
    if (!covered) missed++
  }
  expect(missed).toBeLessThanOrEqual(10)
  expect(width).toBeLessThan(0.12)
  expect(differenceInterval(createPairedTest(options))).toEqual({ low: -1, high: 1 })
})

test('what makes no sense is refused', () => {
  expect(() => createPairedTest({ ...options, alpha: 0 })).toThrow('alpha')
  expect(() => createPairedTest({ ...options, margin: 1 })).toThrow('margin')
  expect(() => createPairedTest(options, { levels: [0], verdict: 'undecided' })).toThrow('reset it')
  expect(() => advancePairedTest(createPairedTest(options), { worse: -1 })).toThrow('counts cannot be negative')
  expect(() => advancePairedTest(createPairedTest(options), { differences: [1.5] })).toThrow('lies in [−1, 1]')
})
