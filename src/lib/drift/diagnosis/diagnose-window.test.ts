import { expect, test } from 'vitest'
import { diagnoseWindow } from './diagnose-window.ts'
import { worldOf } from './fixtures/worlds.ts'

const inputOf = (...given: Parameters<typeof worldOf>) => {
  const { random: _, ...input } = worldOf(...given).input
  return { ...input, seed: 'a' }
}

test('a concept change is named with the part of the loss it makes and the slice it lies in; the same input says the same', () => {
  const input = inputOf('concept', 3)
  const found = diagnoseWindow(input)
  expect(found.cause).toBe('concept')
  expect(found.performance!.concept).toBeGreaterThan(Math.abs(found.performance!.covariate))
  expect(found.performance!.change).toBeCloseTo(found.performance!.concept + found.performance!.covariate, 9)
  expect(found.features).toEqual([])
  expect(found.slices[0]!.text).toMatch(/income/)
  expect(diagnoseWindow(input)).toEqual(found)
})

test('without labels nothing is said of the loss, and slices are where the window is unlike the reference', () => {
  const found = diagnoseWindow(inputOf('covariate', 1, { labelled: false }))
  expect(found).toMatchObject({ cause: 'covariate', performance: null })
  expect(found.features[0]!.feature).toBe('income')
  expect(found.features.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
  expect(found.slices[0]!.text).toMatch(/income >/)
})

test('too few rows of a side are refused', () => {
  const input = inputOf('none', 1)
  const few = { columns: input.names.map(() => new Array(29).fill(0)), scores: new Array(29).fill(0.5) }
  expect(() => diagnoseWindow({ ...input, current: few })).toThrow('29 rows; 30 of each side are needed')
  expect(() => diagnoseWindow({ ...input, reference: few })).toThrow('29 rows')
})
