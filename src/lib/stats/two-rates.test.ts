import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { advanceRateTest, createRateTest, type RateTestOptions } from './two-rates.ts'

const options: RateTestOptions = { alpha: 0.05, margin: 0.01, harmMargin: 0 }

/** Nine champion rows to one challenger row, in uneven blocks, with a look after each. */
function run(seed: string, champion: number, challenger: number, looks: number, over = options) {
  const random = createRandom(seed)
  const rates = createRateTest(over)
  for (let look = 1; look <= looks; look++) {
    const [a, b] = [random.int(120) + 30, random.int(20)]
    const block = {
      champion: { hits: random.binomial(a, champion), rows: a },
      challenger: { hits: random.binomial(b, challenger), rows: b },
    }
    const { verdict } = advanceRateTest(rates, block)
    if (verdict !== 'undecided') return { verdict, looks: look }
  }
  return { verdict: 'undecided' as const, looks }
}

test('each wrong verdict stays within alpha however often one looks', () => {
  let wronglyHarmful = 0
  let wronglyPassed = 0
  for (let i = 0; i < 2_000; i++) {
    if (run(`even ${i}`, 0.05, 0.05, 100, { ...options, margin: -0.9 }).verdict === 'harmful') wronglyHarmful++
    if (run(`worse ${i}`, 0.05, 0.06, 100, { ...options, harmMargin: 0.9 }).verdict === 'not worse') wronglyPassed++
  }
  expect(wronglyHarmful).toBeLessThanOrEqual(100)
  expect(wronglyPassed).toBeLessThanOrEqual(100)
  expect(wronglyHarmful).toBeGreaterThan(5)
})

test('a harmful version is stopped and a good one passes', () => {
  const verdicts = (champion: number, challenger: number, over?: RateTestOptions) =>
    Array.from({ length: 50 }, (_, i) => run(`power ${i}`, champion, challenger, 400, over).verdict)
  expect(verdicts(0.02, 0.08).filter((verdict) => verdict === 'harmful').length).toBeGreaterThanOrEqual(48)
  expect(verdicts(0.05, 0.03, { ...options, margin: 0.03 }).filter((verdict) => verdict === 'not worse').length).toBeGreaterThanOrEqual(45)
})

/** The expected value of one block's e-value over all its outcomes, given a past, when the rates are p and q. */
function expectedEvidence(p: number, q: number, over: RateTestOptions, side: 'harmful' | 'notWorse'): number {
  const [a, b] = [12, 5]
  const start = createRateTest(over)
  advanceRateTest(start, { champion: { hits: 3, rows: 40 }, challenger: { hits: 2, rows: 9 } })
  const binomial = (n: number, k: number, rate: number) => {
    let weight = rate ** k * (1 - rate) ** (n - k)
    for (let i = 0; i < k; i++) weight *= (n - i) / (i + 1)
    return weight
  }
  let total = 0
  for (let hits = 0; hits <= a; hits++) {
    for (let bad = 0; bad <= b; bad++) {
      const reading = advanceRateTest(createRateTest(over, start.state), {
        champion: { hits, rows: a },
        challenger: { hits: bad, rows: b },
      })
      total += binomial(a, hits, p) * binomial(b, bad, q) * Math.exp(reading.evidence[side])
    }
  }
  return total
}

test('the mean of an e-value is at most one everywhere on its null', () => {
  for (const p of [0.01, 0.1, 0.3, 0.7, 0.95])
    for (const gap of [0, 0.02, 0.05]) {
      const over = { alpha: 0.05, margin: 0.02, harmMargin: 0.05 }
      expect(expectedEvidence(p, Math.min(1, p + gap), over, 'harmful')).toBeLessThanOrEqual(1 + 1e-6)
      expect(expectedEvidence(p, Math.min(1, p + 0.02 + gap), over, 'notWorse')).toBeLessThanOrEqual(1 + 1e-6)
      expect(expectedEvidence(p, Math.max(0, p - gap), over, 'harmful')).toBeLessThanOrEqual(1 + 1e-6)
    }
  expect(expectedEvidence(0.05, 0.4, options, 'harmful')).toBeGreaterThan(2)
})

test('one side alone is no evidence, and the state is plain data', () => {
  const rates = createRateTest(options)
  const alone = advanceRateTest(rates, { champion: { hits: 0, rows: 0 }, challenger: { hits: 90, rows: 100 } })
  expect(alone).toMatchObject({ evidence: { harmful: 0, notWorse: 0 }, verdict: 'undecided' })
  advanceRateTest(rates, { champion: { hits: 1, rows: 100 }, challenger: { hits: 9, rows: 10 } })
  const copy = createRateTest(options, JSON.parse(JSON.stringify(rates.state)))
  const block = { champion: { hits: 1, rows: 100 }, challenger: { hits: 90, rows: 100 } }
  expect(advanceRateTest(copy, block)).toEqual(advanceRateTest(rates, block))
  expect(copy.state.verdict).toBe('harmful')
})

test('what makes no sense is refused', () => {
  expect(() => createRateTest({ ...options, alpha: 1 })).toThrow('alpha')
  expect(() => createRateTest({ ...options, harmMargin: -1 })).toThrow('harmMargin')
  const wrong = { champion: { hits: 2, rows: 1 }, challenger: { hits: 0, rows: 0 } }
  expect(() => advanceRateTest(createRateTest(options), wrong)).toThrow('2 of 1 rows of the champion')
})
