import { expect, test } from 'vitest'
import { taskOf } from './task.ts'

test('two labels are classes whatever they are called, more are true values; what is no number does not count', () => {
  expect([[0, 1, 1, 0], [-1, 1], [5, 5], [], [0, 1, Number.NaN], [Number.NaN]].map(taskOf)).toEqual(Array(6).fill('classification'))
  expect([[0, 1, 2], [0.5, 0.25, 0.75], Float32Array.of(0, 1, Number.NaN, 0.5)].map(taskOf)).toEqual(Array(3).fill('regression'))
})
