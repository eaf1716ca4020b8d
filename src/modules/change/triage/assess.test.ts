import { expect, test } from 'vitest'
import { profileFrom } from '../../../lib/drift/profile/profile.ts'
import { createRandom } from '../../../lib/random.ts'
import { assess, type LabelledRow, type Observed } from './assess.ts'

const limits = { maxMissingShare: 0.2, concentration: 0.5, maxActorShare: 0.05, labelConflict: 0.2 }
const ROWS = 400
const ACTORS = 41
const random = createRandom('triage')
const sample = (count: number, draw: () => number) => Float32Array.from({ length: count }, draw)
const profile = profileFrom(
  ['length', 'dots', 'score'],
  [sample(4_000, random.next), sample(4_000, random.next), sample(4_000, random.next)],
)

type Row = { features: [number, number]; score: number; actor: string }
const row = (i: number): Row => ({ features: [random.next(), random.next()], score: random.next(), actor: `actor-${i % ACTORS}` })
const labels = (count: number, wrong: number, labelSource = 'analysts', actorOf = (i: number) => `actor-${i % ACTORS}`): LabelledRow[] =>
  Array.from({ length: count }, (_, i) => ({ label: 1, score: i < wrong ? 0.1 : 0.9, actor: actorOf(i), labelSource }))

/** Traffic as the reference was, changed row by row, with these labels; the baseline error is 2 %. */
function observed(labelled: readonly LabelledRow[], change: (row: Row, i: number) => Row = (given) => given): Observed {
  const rows = Array.from({ length: ROWS }, (_, i) => change(row(i), i))
  return {
    profile,
    moved: ['length'],
    rows: rows.map(({ features, ...rest }) => ({ ...rest, features: Float32Array.from(features) })),
    labelled,
    threshold: 0.5,
    baselineErrors: 80,
    baselineRows: 4_000,
    tolerance: 0.01,
  }
}
const missingUpTo = (share: number) => (given: Row, i: number) =>
  i < ROWS * share ? { ...given, features: [Number.NaN, given.features[1]] as [number, number] } : given
const stuckUpTo = (share: number) => (given: Row, i: number) =>
  i < ROWS * share ? { ...given, features: [0.25, given.features[1]] as [number, number] } : given
const shifted = (given: Row): Row => ({ ...given, features: [0.9 + given.features[0] / 10, given.features[1]] })

test.each<[string, Observed, string]>([
  ['a fifth of a feature missing is still allowed', observed(labels(500, 10), missingUpTo(0.2)), 'no_loss'],
  ['more than a fifth missing', observed(labels(500, 10), missingUpTo(0.2025)), 'broken_data'],
  ['a feature stuck in all rows', observed(labels(500, 10), stuckUpTo(1)), 'broken_data'],
  ['a feature stuck in 99 % of rows is not stuck', observed(labels(500, 10), stuckUpTo(0.99)), 'no_loss'],
  ['one source far from the others', observed([...labels(200, 4), ...labels(100, 50, 'feed')]), 'poisoned_labels'],
  ['a source heard 29 times is not judged', observed([...labels(400, 8), ...labels(29, 10, 'feed')]), 'no_loss'],
  ['a source heard 30 times is', observed([...labels(400, 8), ...labels(30, 10, 'feed')]), 'poisoned_labels'],
  ['a conflict at the limit', observed([...labels(100, 0), ...labels(100, 20, 'feed')]), 'poisoned_labels'],
  ['a conflict just under the limit', observed([...labels(100, 0), ...labels(100, 19, 'feed')], shifted), 'real_change'],
  ['the only source cannot be contradicted', observed(labels(500, 250), shifted), 'real_change'],
  ['both sources bad: the model is', observed([...labels(200, 60), ...labels(200, 120, 'feed')], shifted), 'real_change'],
  ['an error the baseline allows', observed(labels(500, 10), shifted), 'no_loss'],
  ['an error above it, spread over all', observed(labels(500, 100), shifted), 'real_change'],
  ['no labels at all', observed([], shifted), 'real_change'],
])('%s: %s', (_name, given, cause) => {
  expect(assess(given, limits).cause).toBe(cause)
})

test('a shift and errors made by a few actors are an attack, and name them', () => {
  const attackers = new Set(['attacker-0', 'attacker-1'])
  const few = observed(
    labels(500, 100, 'analysts', (i) => (i < 90 ? `attacker-${i % 2}` : `actor-${i % ACTORS}`)),
    (given, i) => (i % 4 === 0 ? { ...shifted(given), score: 0.45, actor: `attacker-${(i / 4) % 2}` } : given),
  )
  const { cause, actors, evidence } = assess(few, limits)
  expect([cause, new Set(actors)]).toEqual(['evasion', attackers])
  expect(evidence.errorShareOfFew).toBe(0.9)
  expect(evidence.boundaryCrowding).toBeGreaterThan(0.5)
})

test('broken data is looked for first, and each fault is named with its share', () => {
  const both = observed([...labels(200, 4), ...labels(100, 50, 'feed')], missingUpTo(0.5))
  const { cause, evidence, labelSources } = assess(both, limits)
  expect([cause, labelSources]).toEqual(['broken_data', []])
  expect(evidence.faults).toMatchObject([{ feature: 'length', kind: 'missing', share: 0.5 }])
})

test('a poisoned answer names the lying source and no other', () => {
  const { labelSources, summary } = assess(observed([...labels(200, 4), ...labels(100, 50, 'feed')]), limits)
  expect(labelSources).toEqual(['feed'])
  expect(summary).toContain('50.0 %')
})

test('without rows or labels nothing is called broken or poisoned', () => {
  expect(assess({ ...observed([]), rows: [] }, limits).cause).toBe('real_change')
})
