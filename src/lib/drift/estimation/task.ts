/** What labels are: classes, or true values that a model predicts. */
export type Task = 'classification' | 'regression'

/** More than two different labels are true values; two or fewer are classes. Labels that are not numbers do not count. */
export function taskOf(labels: ArrayLike<number>): Task {
  const seen = new Set<number>()
  for (let row = 0; row < labels.length && seen.size <= 2; row++) if (!Number.isNaN(labels[row]!)) seen.add(labels[row]!)
  return seen.size > 2 ? 'regression' : 'classification'
}
