import type { FeatureSteps, Processing } from './processing.ts'

type Change = (value: number) => number

/** The changes to rows of features, laid out one after another, NaN = missing; a copy, or the same rows where nothing changes. */
export function changesBefore({ before = {} }: Processing, features: readonly string[]): (values: Float32Array) => Float32Array {
  const changes = features.flatMap((name, column): { column: number; change: Change }[] => {
    const steps = Object.hasOwn(before, name) ? before[name] : undefined
    return steps ? [{ column, change: changeOf(steps) }] : []
  })
  if (changes.length === 0) return (values) => values
  const width = features.length
  return (values) => {
    const changed = values.slice()
    for (let row = 0; row < changed.length; row += width)
      for (const { column, change } of changes) changed[row + column] = change(changed[row + column]!)
    return changed
  }
}

function changeOf({ impute, clip, log1p, scale }: FeatureSteps): Change {
  const steps: Change[] = []
  if (impute !== undefined) steps.push((value) => (Number.isNaN(value) ? impute : value))
  if (clip) steps.push((value) => Math.min(Math.max(value, clip[0]), clip[1]))
  if (log1p) steps.push(Math.log1p)
  if (scale) {
    const [from, by] = 'mean' in scale ? [scale.mean, scale.std] : [scale.min, scale.max - scale.min]
    steps.push((value) => (value - from) / by)
  }
  return (value) => steps.reduce((changed, step) => step(changed), value)
}
