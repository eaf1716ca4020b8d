import { expect, test } from 'vitest'
import { adviseServing, ONLINE_BELOW_MS, type ServingNeed, SHORTEST_BATCH_MS, servingModes } from './serving-mode.ts'

const need: ServingNeed = {
  features: 'aggregated',
  scheduled: false,
  eventDriven: false,
  regulated: false,
  multiRegion: false,
  llm: false,
}

test.each<[string, Partial<ServingNeed>, string, string]>([
  ['nothing is said', {}, 'batch', 'P1-02'],
  ['predictions on a schedule', { scheduled: true }, 'batch', 'P1-02'],
  ['499 ms', { latencyMs: 499 }, 'online', 'P1-03'],
  ['500 ms', { latencyMs: 500 }, 'batch', 'P1-02'],
  ['501 ms', { latencyMs: 501 }, 'batch', 'P1-02'],
  ['500 ms, with features known at the request only', { latencyMs: 500, features: 'fresh' }, 'online', 'P1-02'],
  ['fresh features and nobody waits', { features: 'fresh' }, 'batch', 'P1-02'],
  ['a prediction of the last minute', { freshnessMs: 60_000 }, 'online', 'P1-02'],
  ['a prediction of the last quarter of an hour', { freshnessMs: SHORTEST_BATCH_MS }, 'batch', 'P1-02'],
  ['slow aggregates with fresh signals, at once', { latencyMs: 200, features: 'mixed' }, 'hybrid', 'P1-04'],
  ['slow aggregates with fresh signals, fresh', { freshnessMs: 1_000, features: 'mixed' }, 'hybrid', 'P1-04'],
  ['slow aggregates with fresh signals, and time', { features: 'mixed' }, 'batch', 'P1-02'],
  ['on a schedule and at once', { latencyMs: 100, scheduled: true }, 'hybrid', 'TREE-03'],
  ['events', { eventDriven: true, latencyMs: 100 }, 'streaming', 'P1-05'],
  ['a language model', { llm: true, latencyMs: 100, eventDriven: true }, 'llm', 'P1-11'],
])('%s', (_name, given, mode, rule) => {
  const advice = adviseServing({ ...need, ...given })
  expect([advice.mode, advice.reasons.map((reason) => reason.rule)]).toEqual([mode, [rule]])
  expect(advice.rejected.map((other) => other.mode)).toEqual(servingModes.filter((other) => other !== mode))
  expect(advice.risks.length).toBeGreaterThan(0)
})

const missing = (given: Partial<ServingNeed>) =>
  adviseServing({ ...need, ...given })
    .required.filter(({ mandatory, given }) => mandatory && given === null)
    .map(({ item }) => item)

test('streaming must name its consumer group, its dead letters and its delivery', () => {
  expect(missing({ eventDriven: true })).toEqual(['consumer group', 'dead-letter queue', 'delivery semantics'])
  expect(missing({ eventDriven: true, consumerGroup: 'fraud', deadLetters: 'fraud.dead', delivery: 'at-least-once' })).toEqual([])
})

test.each(['regulated', 'multiRegion'] as const)('%s adds residency and a rollback for each region to any mode', (which) => {
  expect(missing({ [which]: true, latencyMs: 100 })).toEqual([
    'residency: where data and predictions may lie',
    'a rollback of its own for each region',
  ])
  expect(missing({ [which]: true, residency: 'eu', regionalRollback: 'one server a region' })).toEqual([])
})

test('what was left out is asked for only where it could change the mode', () => {
  expect(adviseServing(need).questions.map((question) => question.split(':')[0])).toEqual(['latencyMs', 'freshnessMs'])
  expect(adviseServing({ ...need, latencyMs: ONLINE_BELOW_MS - 1 }).questions).toEqual([])
  expect(adviseServing({ ...need, latencyMs: 5_000, freshnessMs: 86_400_000 }).questions).toEqual([])
  expect(adviseServing({ ...need, eventDriven: true }).questions).toEqual([])
})

test('a rate that is named becomes a load test', () => {
  const { required } = adviseServing({ ...need, latencyMs: 300, requestsPerSecond: 200 })
  expect(required.find(({ rule }) => rule === 'P5-13')?.item).toBe('a load test that holds 200 requests a second within 300 ms')
})
