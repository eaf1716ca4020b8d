import { expect, test } from 'vitest'
import { type Task, taskOf } from './task.ts'

test.each<[Task, string, ArrayLike<number>, ArrayLike<number>]>([
  ['binary', 'two labels', [0, 1, 1, 0], [0.2, 0.9, 0.8, 0.1]],
  ['binary', 'two labels of other names', [-1, 1], [0.3, 0.4]],
  ['binary', 'one label', [5, 5], [4.2, 5.1]],
  ['binary', 'nothing', [], []],
  ['binary', 'two labels, and one that is no number', [0, 1, Number.NaN], [0.5, 0.5, 0.5]],
  ['classes', 'whole labels, whole predictions', [0, 1, 2, 2], [0, 1, 1, 2]],
  ['classes', 'whole labels, probabilities', [0, 1, 2], [0.9, 0.4, 0.7]],
  ['classes', 'whole labels, some of the scores no numbers', [0, 1, 2], [0, Number.NaN, 2]],
  ['regression', 'whole labels, predictions in between', [3, 14, 15], [3.4, 13.2, 16.1]],
  ['regression', 'labels in between', [0.5, 0.25, 0.75], [0.4, 0.3, 0.7]],
  ['regression', 'labels in between, whole predictions', Float32Array.of(0, 1, Number.NaN, 0.5), [0, 1, 1, 1]],
  [
    'regression',
    'more different whole numbers than classes',
    Array.from({ length: 2_000 }, (_, i) => i),
    Array.from({ length: 2_000 }, () => 7),
  ],
])('%s: %s', (task, _, labels, scores) => {
  expect(taskOf(labels, scores)).toBe(task)
})
