/** What labels are: one of two classes, numbers of several classes, or true values that a model predicts. */
export type Task = 'binary' | 'classes' | 'regression'

const MOST_CLASSES = 1_000

/**
 * At most two different labels are two classes. More are numbers of classes where labels are whole and the scores say so: each is
 * whole as well (the class that was predicted), or a probability although labels are not. All others are true values. What is not
 * a number does not count.
 */
export function taskOf(labels: ArrayLike<number>, scores: ArrayLike<number>): Task {
  const seen = new Set<number>()
  for (let row = 0; row < labels.length && seen.size <= MOST_CLASSES; row++) if (!Number.isNaN(labels[row]!)) seen.add(labels[row]!)
  if (seen.size <= 2) return 'binary'
  const named = seen.size <= MOST_CLASSES && [...seen].every(Number.isInteger)
  return named && (every(scores, Number.isInteger) || every(scores, isShare)) ? 'classes' : 'regression'
}

const isShare = (value: number) => value >= 0 && value <= 1

function every(values: ArrayLike<number>, holds: (value: number) => boolean): boolean {
  for (let row = 0; row < values.length; row++) if (!Number.isNaN(values[row]!) && !holds(values[row]!)) return false
  return true
}
