import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { findEvasion } from './evasion.ts'
import { findExtraction } from './extraction.ts'
import { worldOf } from './fixtures/worlds.ts'
import { findPoisoning } from './poisoning.ts'

/** The three findings on the current rows of a world, with the true probabilities. */
function findings(cause: 'none' | 'attack' | 'concept', seed: number) {
  const { reference, current } = worldOf(cause, seed).input
  const actors = { columns: current.columns, scores: current.scores, actors: current.actors!, labels: current.labels! }
  const labelled = { columns: current.columns, probabilities: current.scores, labels: current.labels!, sources: current.labelSources! }
  return {
    poisoning: () => findPoisoning(labelled, reference.columns, createRandom(seed)),
    evasion: () => findEvasion(actors, reference.columns, 0.5),
    extraction: () => findExtraction(actors, reference.columns, createRandom(seed)),
  }
}

test.each([
  ['poisoning', 0, 'desk-2'],
  ['evasion', 1, 'intruder'],
  ['extraction', 2, 'intruder'],
  ['evasion', 3, 'intruder'],
] as const)('%s is found with who did it, in all of 6 worlds', (attack, turn, by) => {
  const named = Array.from({ length: 6 }, (_, world) =>
    findings('attack', 4 * world + turn)
      [attack]()
      .map((one) => one.by),
  )
  expect(named.filter((names) => names.includes(by))).toHaveLength(6)
  expect(named.flat().filter((name) => name !== by).length).toBeLessThanOrEqual(1)
})

test('honest worlds name nobody more often than stated', () => {
  let named = 0
  for (let seed = 0; seed < 30; seed++) named += Object.values(findings('none', seed)).flatMap((find) => find()).length
  expect(named).toBeLessThanOrEqual(2)
})

test('in concept drift all sources contradict alike, and none is called a liar', () => {
  let named = 0
  for (let seed = 0; seed < 20; seed++) named += findings('concept', seed).poisoning().length
  expect(named).toBeLessThanOrEqual(1)
})

test('findings do not depend on the order of rows or on names', () => {
  const { reference, current } = worldOf('attack', 1).input
  const rows = { columns: current.columns, scores: current.scores, actors: current.actors! }
  const turned = {
    columns: rows.columns.map((column) => Array.from(column).reverse()),
    scores: Array.from(rows.scores).reverse(),
    actors: rows.actors.map((actor) => `x${actor}`).reverse(),
  }
  const [plain, other] = [rows, turned].map((one) => findEvasion(one, reference.columns, 0.5))
  expect(other!.map(({ by, adjustedP }) => [by, adjustedP])).toEqual(plain!.map(({ by, adjustedP }) => [`x${by}`, adjustedP]))
})

test('nobody, one actor and no rows', () => {
  const rows = { columns: [[1, 2]], scores: [0.5, 0.5], actors: ['', ''] }
  for (const actors of [
    ['', ''],
    ['a', 'a'],
  ]) {
    expect(findEvasion({ ...rows, actors }, [[1, 2]], 0.5)).toEqual([])
    expect(findExtraction({ ...rows, actors }, [[1, 2]], createRandom(1))).toEqual([])
  }
  expect(findPoisoning({ columns: [[]], probabilities: [], labels: [], sources: [] }, [[1]], createRandom(1))).toEqual([])
  expect(() => findEvasion({ ...rows, actors: [] }, [[1]], 0.5)).toThrow(RangeError)
  expect(() => findPoisoning({ columns: [[]], probabilities: [], labels: [1], sources: [] }, [[1]], createRandom(1))).toThrow(RangeError)
})
