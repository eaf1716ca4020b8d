import { AppError } from '../../../contract/errors.ts'
import type { Live } from './live.ts'

type Bounds = {
  readonly column: number
  readonly name: string
  readonly min: number
  readonly max: number
  readonly missing: boolean
  readonly from: number
  readonly to: number
}

/** How often a feature lay outside what is expected of it, since the process began. */
export type Anomaly = { readonly feature: string; readonly count: number; readonly last: number }

/**
 * Holds rows to the deployment’s rules: `check` throws `invalid` for the first value beyond a hard bound, and counts those
 * that are merely outside what is expected. Costs nothing for features without a rule.
 */
export function createRanges() {
  const known = new WeakMap<Live, readonly Bounds[]>()
  const anomalies = new Map<string, Map<string, { count: number; last: number }>>()

  function boundsOf(live: Live): readonly Bounds[] {
    let bounds = known.get(live)
    if (!bounds) {
      bounds = live.champion.features.flatMap((name, column) => {
        const rule = live.spec.features[name]
        if (!rule) return []
        const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, expected = [min, max], missing } = rule
        return [{ column, name, min, max, missing, from: expected[0], to: expected[1] }]
      })
      known.set(live, bounds)
    }
    return bounds
  }

  function note(live: Live, name: string, value: number) {
    const key = `${live.project}/${live.name}`
    const counts = anomalies.get(key) ?? new Map<string, { count: number; last: number }>()
    anomalies.set(key, counts)
    counts.set(name, { count: (counts.get(name)?.count ?? 0) + 1, last: value })
  }

  return {
    check(live: Live, values: Float32Array): void {
      const bounds = boundsOf(live)
      if (bounds.length === 0) return
      const width = live.champion.features.length
      for (let from = 0; from < values.length; from += width)
        for (const { column, name, min, max, missing, from: low, to: high } of bounds) {
          const value = values[from + column]!
          if (value >= low && value <= high) continue
          if (Number.isNaN(value)) {
            if (missing) continue
            throw new AppError('invalid', `feature ${name} of row ${from / width} must not be missing`, { feature: name })
          }
          if (value < min || value > max)
            throw new AppError('invalid', `feature ${name} of row ${from / width} must lie between ${min} and ${max}; ${value} was sent`, {
              feature: name,
              value,
            })
          note(live, name, value)
        }
    },
    anomalies: (project: string, name: string): Anomaly[] =>
      [...(anomalies.get(`${project}/${name}`) ?? [])].map(([feature, { count, last }]) => ({ feature, count, last })),
  }
}
