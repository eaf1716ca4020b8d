import { expect, test } from 'vitest'
import { suggestResponse, summaryOf } from './response.ts'

const found = (cause: Parameters<typeof suggestResponse>[0]['cause'], more: Partial<Parameters<typeof suggestResponse>[0]> = {}) =>
  suggestResponse({ cause, attacks: [], performance: null, estimateDropped: false, ...more })
const attack = (kind: 'poisoning' | 'evasion', by: string) => ({ attack: kind, by, rows: 30, signs: [], adjustedP: 0, text: by })
const loss = (change: number) => ({ change, covariate: change, concept: 0, note: '' })

test('who poisons is kept from teaching, who evades is blocked; each by name', () => {
  const poisoned = found('attack', { attacks: [attack('evasion', 'relay'), attack('poisoning', 'crowd')] })
  expect(poisoned).toMatchObject({ suggested: 'quarantine_labels', why: expect.stringMatching(/relay, crowd/) })
  expect(found('attack', { attacks: [attack('evasion', 'relay')] })).toMatchObject({ suggested: 'block_actors' })
})

test('other inputs are worth a retraining only where labels or estimates say that they cost something', () => {
  expect(found('covariate', { performance: loss(0.05) })).toMatchObject({ suggested: 'retrain', why: expect.stringMatching(/5\.0 points/) })
  expect(found('covariate', { performance: loss(0.001) })).toMatchObject({ suggested: 'new_baseline' })
  expect(found('covariate', { estimateDropped: true })).toMatchObject({ suggested: 'retrain' })
  expect(found('covariate', { performance: loss(0.001), estimateDropped: true })).toMatchObject({ suggested: 'new_baseline' })
  expect(found('covariate')).toMatchObject({ suggested: 'new_baseline', why: expect.stringMatching(/nothing says/) })
})

test.each([
  ['data_fault', 'fix_upstream'],
  ['concept', 'retrain'],
  ['prior', 'adjust_threshold'],
  ['seasonal', 'new_baseline'],
  ['model_change', 'fallback_model'],
  ['none', 'none'],
] as const)('%s is answered with %s', (cause, suggested) => {
  expect(found(cause).suggested).toBe(suggested)
})

test('a summary says the cause and what speaks most for it', () => {
  const evidence = [{ cause: 'data_fault' as const, score: 9, confidence: 1, text: ['b stands still at 3', 'c too'] }]
  expect(summaryOf({ cause: 'data_fault', evidence })).toBe('a fault of the data path: b stands still at 3')
})
