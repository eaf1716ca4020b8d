import { expect, test } from 'vitest'
import { createRandom } from '../../../lib/random.ts'
import { standingOf } from './standing.ts'

const window = (fromMs: number, logEvidence: number | null, { dropped = false, abstained = null as string | null } = {}) => ({
  logEvidence,
  estimate: { modelVersion: 1, fromMs, dropped, abstained },
})
const of = (...evidence: (number | null)[]) => standingOf(evidence.map((one, i) => window(i, one)))

test('nothing seen, and windows without labels, say nothing', () => {
  expect(of()).toEqual({ dropped: false, contradictedSinceMs: null, suspicions: [] })
  expect(of(null, null)).toMatchObject({ contradictedSinceMs: null, suspicions: [null, null] })
})

test('evidence adds up over windows, and what agrees before does not shield what contradicts after', () => {
  expect(of(3, 3).contradictedSinceMs).toBeNull()
  expect(of(3, null, 4).contradictedSinceMs).toBe(2)
  expect(of(-50, -50, 8).contradictedSinceMs).toBe(2)
})

test('it is over after three windows in a row that agree, and not before', () => {
  expect(of(9, -1, -1)).toMatchObject({ contradictedSinceMs: 0, suspicions: [0, 0, 0] })
  expect(of(9, -1, null, -1, -1)).toMatchObject({ contradictedSinceMs: null, suspicions: [0, 0, 0, 0, null] })
  expect(of(9, -1, -1, 9, -1, -1).contradictedSinceMs).toBe(0)
})

test('the newest window with an estimate says whether quality dropped', () => {
  const [down, up, silent] = [window(0, null, { dropped: true }), window(1, null), window(2, null, { abstained: 'too few rows' })]
  expect(standingOf([down, silent]).dropped).toBe(true)
  expect(standingOf([down, up, silent]).dropped).toBe(false)
})

test('while windows are e-values, contradictions come no more often than once in a thousand windows', () => {
  // exp(x·stake − stake²/2) of a standard normal x is an e-value.
  const random = createRandom('windows')
  let contradicted = 0
  const [streams, windows, stake] = [40, 1_000, 1.5]
  for (let stream = 0; stream < streams; stream++) {
    const { suspicions } = of(...Array.from({ length: windows }, () => stake * random.normal() - stake ** 2 / 2))
    contradicted += suspicions.filter((since, i) => since === i).length
  }
  // 40 expected at most; 58 would come by chance once in 250.
  expect(contradicted).toBeLessThanOrEqual(57)
  expect(contradicted).toBeGreaterThan(0)
})
