import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { exactInterval } from '../../stats/distributions.ts'
import { logCapitalBelow, runningBound } from './running-bound.ts'

const recorded = JSON.parse(readFileSync(`${import.meta.dirname}/fixtures/running-bound.json`, 'utf8')) as number[][]

test('the capital and the bound are those that SciPy finds by integration', () => {
  for (const [hits, rows, prior, p, log, error, bound] of recorded) {
    expect(logCapitalBelow({ hits: hits!, rows: rows! }, p!, prior!)).toBeCloseTo(log!, 7)
    expect(Math.abs(runningBound({ hits: hits!, rows: rows! }, error!, prior!) - bound!)).toBeLessThan(2e-6 * bound!)
  }
})

test('what "below p" wins in the mean is nothing, when the rate is p', () => {
  const [rows, p] = [40, 0.3]
  let mean = 0
  let chance = (1 - p) ** rows
  for (let hits = 0; hits <= rows; hits++) {
    mean += chance * Math.exp(logCapitalBelow({ hits, rows }, p, 10))
    chance *= ((rows - hits) / (hits + 1)) * (p / (1 - p))
  }
  expect(mean).toBeCloseTo(1, 10)
})

test('the bound lies above the exact one of a single look, and closes in with more rows', () => {
  const bounds = [2_000, 20_000, 200_000].map((rows) => runningBound({ hits: rows / 5, rows }, 0.05, 500))
  expect(bounds[0]).toBeGreaterThan(exactInterval(400, 2_000, 0.05).high)
  expect(bounds).toEqual(bounds.toSorted((a, b) => b - a))
  expect(bounds[2]).toBeLessThan(0.204)
})

test('more hits, or less error, give no lower bound', () => {
  const random = createRandom('monotone')
  for (let i = 0; i < 200; i++) {
    const rows = 1 + random.int(5_000)
    const hits = random.int(rows)
    const bound = runningBound({ hits, rows }, 0.05, 100)
    expect(runningBound({ hits: hits + 1, rows }, 0.05, 100)).toBeGreaterThanOrEqual(bound * (1 - 2e-6))
    expect(runningBound({ hits, rows }, 0.01, 100)).toBeGreaterThanOrEqual(bound * (1 - 2e-6))
  }
})

test('over 1,000 streams the rate is above the bound at some look in fewer than the error allows', () => {
  let misled = 0
  for (let s = 0; s < 1_000; s++) {
    const random = createRandom(`running ${s}`)
    let hits = random.binomial(500, 0.2)
    for (let rows = 500; rows < 20_000; rows += Math.ceil(rows / 8)) {
      if (runningBound({ hits, rows }, 0.1, 125) < 0.2) {
        misled++
        break
      }
      hits += random.binomial(Math.ceil(rows / 8), 0.2)
    }
  }
  expect(misled).toBeGreaterThan(10)
  expect(misled).toBeLessThan(100)
})

test('edges: no rows, no hits, all hits, a bound that is already lower', () => {
  expect(runningBound({ hits: 0, rows: 0 }, 0.05, 100)).toBe(1)
  expect(runningBound({ hits: 0, rows: 2_000 }, 0.05, 500)).toBeLessThan(0.005)
  expect(runningBound({ hits: 50, rows: 50 }, 0.05, 12)).toBe(1)
  expect(runningBound({ hits: 400, rows: 2_000 }, 0.05, 500, 0.21)).toBe(0.21)
  expect(runningBound({ hits: 900, rows: 2_000 }, 0.05, 500, 0.21)).toBe(0.21)
  expect(() => runningBound({ hits: 3, rows: 2 }, 0.05, 1)).toThrow('3 hits in 2 rows')
  expect(() => runningBound({ hits: 1, rows: 2 }, 0, 1)).toThrow('sideError')
  expect(() => runningBound({ hits: 1, rows: 2 }, 0.1, 0)).toThrow('priorRows')
})
