import { expect, test } from 'vitest'
import { confusionOf, f1Of } from '../../src/lib/stats/classification.ts'
import { type Model, scoreRows, trainTrees } from './gbt.ts'
import { batchFrom, createWorld, featureNames, type Page, type Phase, samplePages } from './world.ts'

function train(pages: readonly Page[]): Model {
  const { rows, labels } = batchFrom(pages)
  return trainTrees(rows, labels, { trees: 60 })
}

/** F1 against the truth, and the share of scores that are undecided. */
function judge(model: Model, pages: readonly Page[]) {
  const { rows, truths } = batchFrom(pages)
  const scores = scoreRows(model, rows, featureNames.length)
  return { f1: f1Of(confusionOf(truths, scores))!, undecided: scores.filter((score) => score > 0.1 && score < 0.9).length / pages.length }
}

test.each([1, 'other'])('with seed %s each phase does to a model what it is for', (seed) => {
  const world = createWorld(seed)
  const calm = samplePages(world, 'calm', 10_000)
  const evasion = samplePages(world, 'evasion', 2_500)
  const season = samplePages(world, 'season', 4_000)
  const fresh = (phase: Phase) => samplePages(world, phase, 5_000)

  const first = train(calm)
  const inCalm = judge(first, fresh('calm'))
  expect(inCalm.f1).toBeGreaterThanOrEqual(0.993)
  const attacked = judge(first, fresh('evasion'))
  expect(attacked.f1).toBeLessThan(0.9)
  expect(attacked.undecided).toBeGreaterThan(5 * inCalm.undecided)

  const second = train([...calm, ...evasion])
  for (const phase of ['calm', 'evasion', 'poison'] as const) expect(judge(second, fresh(phase)).f1).toBeGreaterThanOrEqual(0.99)
  const stale = judge(second, fresh('season')).f1
  expect(stale).toBeGreaterThan(0.93)
  expect(stale).toBeLessThan(0.97)

  const third = train([...calm, ...evasion, ...season])
  expect(judge(third, fresh('season')).f1).toBeGreaterThanOrEqual(0.99)
  expect(judge(first, fresh('poison')).f1).toBeLessThan(0.97) // the campaign goes on: going back to the first model would hurt
})

test('the same seed gives the same pages, another does not', () => {
  const pages = (seed: number) => samplePages(createWorld(seed), 'evasion', 50)
  expect(pages(5)).toEqual(pages(5))
  expect(pages(5)).not.toEqual(pages(6))
})

test('calm traffic comes from many actors, with honest labels and finite values', () => {
  const pages = samplePages(createWorld(2), 'calm', 20_000)
  expect(new Set(pages.map((page) => page.actor)).size).toBeGreaterThan(4_000)
  expect(pages.every((page) => page.label === page.truth && page.features.every(Number.isFinite))).toBe(true)
  expect(pages.filter((page) => page.truth === 1).length / pages.length).toBeCloseTo(0.35, 1)
  expect(featureNames).toHaveLength(30)
  expect(new Set(featureNames).size).toBe(30)
})

test('the campaign is a quarter of the traffic, all phishing, from at most 8 actors of one network; the rest is as before', () => {
  const pages = samplePages(createWorld(3), 'evasion', 20_000)
  const campaign = pages.filter((page) => page.actor.startsWith('relay-'))
  expect(campaign.length / pages.length).toBeCloseTo(0.25, 1)
  expect(new Set(campaign.map((page) => page.actor)).size).toBeLessThanOrEqual(8)
  expect(new Set(campaign.map((page) => page.network)).size).toBe(1)
  expect(campaign.every((page) => page.truth === 1)).toBe(true)
  const others = pages.filter((page) => !page.actor.startsWith('relay-'))
  expect(others.filter((page) => page.truth === 1).length / others.length).toBeCloseTo(0.35, 1)
})

test('only the community lies, only in the poison phase, and only by calling phishing benign', () => {
  const pages = samplePages(createWorld(4), 'poison', 20_000)
  const lies = pages.filter((page) => page.label !== page.truth)
  expect(lies.every((page) => page.labelSource === 'community' && page.truth === 1)).toBe(true)
  const phishing = pages.filter((page) => page.labelSource === 'community' && page.truth === 1)
  expect(lies.length / phishing.length).toBeGreaterThan(0.7)
  expect(samplePages(createWorld(4), 'season', 5_000).every((page) => page.label === page.truth)).toBe(true)
})
