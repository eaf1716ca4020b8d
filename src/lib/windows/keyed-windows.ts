export type Aggregate = 'count' | 'sum' | 'mean' | 'min' | 'max'
export type WindowShape = {
  readonly sizeMs: number
  /** Into how many equal stretches of time the window is cut; 1 = tumbling. Value and memory are those of whole panes. */
  readonly panes: number
  readonly aggregate: Aggregate
  readonly mostKeys: number
}

/** Number of the pane, how many values, their sum, least and greatest. */
type Pane = [index: number, count: number, sum: number, min: number, max: number]

/** What a keyed store has to say for a checkpoint: keys that changed, with their state as JSON, or null where they are gone. */
export type Changes = Map<string, string | null>

/**
 * An aggregate of numbers per key over event time. A pane is `sizeMs / panes` long; at time t the window holds the last `panes`
 * panes up to the one of t, so a tumbling window (one pane) holds what came since its start, and a sliding one moves on by a pane.
 * Values are added in any order of time; what no event at or after the watermark can see is let go by `expire`.
 */
export function createKeyedWindow({ sizeMs, panes, aggregate, mostKeys }: WindowShape) {
  const paneMs = sizeMs / panes
  const paneOf = (timeMs: number) => Math.floor(timeMs / paneMs)
  /** In the order of their last change, so that the first has been quiet for longest. */
  const states = new Map<string, Pane[]>()
  const dirty = new Set<string>()
  let evicted = 0

  function forget(key: string): void {
    states.delete(key)
    dirty.add(key)
  }

  return {
    add(key: string, timeMs: number, value: number): void {
      const index = paneOf(timeMs)
      const state = states.get(key) ?? []
      const at = state.findLastIndex((pane) => pane[0] <= index)
      const pane = state[at]
      if (pane?.[0] === index) {
        pane[1] += 1
        pane[2] += value
        pane[3] = Math.min(pane[3], value)
        pane[4] = Math.max(pane[4], value)
      } else state.splice(at + 1, 0, [index, 1, value, value, value])
      states.delete(key)
      states.set(key, state)
      dirty.add(key)
      if (states.size <= mostKeys) return
      forget(states.keys().next().value!)
      evicted += 1
    },
    /** The aggregate at a time; of no values 0 for count and sum, NaN for the others. */
    value(key: string, timeMs: number): number {
      const last = paneOf(timeMs)
      let [count, sum, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
      for (const pane of states.get(key) ?? []) {
        if (pane[0] <= last - panes) continue
        if (pane[0] > last) break
        count += pane[1]
        sum += pane[2]
        min = Math.min(min, pane[3])
        max = Math.max(max, pane[4])
      }
      if (aggregate === 'count') return count
      if (aggregate === 'sum') return sum
      if (count === 0) return Number.NaN
      return aggregate === 'mean' ? sum / count : aggregate === 'min' ? min : max
    },
    /** Lets go of panes before the watermark’s window, for the keys that were quiet for longest. */
    expire(watermarkMs: number): void {
      const oldest = paneOf(watermarkMs) - panes + 1
      for (const [key, state] of states) {
        if (state.at(-1)![0] >= oldest) return
        forget(key)
      }
    },
    /** Drops the panes of one key that can no longer be seen; called for a key that is in use anyway. */
    trim(key: string, watermarkMs: number): void {
      const state = states.get(key)
      if (!state) return
      const oldest = paneOf(watermarkMs) - panes + 1
      const kept = state.findIndex((pane) => pane[0] >= oldest)
      if (kept > 0) {
        state.splice(0, kept)
        dirty.add(key)
      }
    },
    takeChanges(): Changes {
      const changes: Changes = new Map([...dirty].map((key) => [key, states.has(key) ? JSON.stringify(states.get(key)) : null]))
      dirty.clear()
      return changes
    },
    restore(bodies: Iterable<readonly [key: string, body: string]>): void {
      const known = [...bodies].map(([key, body]) => [key, JSON.parse(body) as Pane[]] as const)
      known.sort(([, a], [, b]) => a.at(-1)![0] - b.at(-1)![0])
      for (const [key, state] of known) states.set(key, state)
    },
    size: () => states.size,
    evicted: () => evicted,
  }
}

/** The last number of each key; beyond `mostKeys` the key that was quiet for longest is forgotten. */
export function createLastValues(mostKeys: number) {
  const values = new Map<string, number>()
  const dirty = new Set<string>()
  let evicted = 0
  return {
    get: (key: string): number => values.get(key) ?? Number.NaN,
    set(key: string, value: number): void {
      values.delete(key)
      values.set(key, value)
      dirty.add(key)
      if (values.size <= mostKeys) return
      const oldest = values.keys().next().value!
      values.delete(oldest)
      dirty.add(oldest)
      evicted += 1
    },
    takeChanges(): Changes {
      const changes: Changes = new Map([...dirty].map((key) => [key, values.has(key) ? JSON.stringify(values.get(key)) : null]))
      dirty.clear()
      return changes
    },
    restore(bodies: Iterable<readonly [key: string, body: string]>): void {
      for (const [key, body] of bodies) values.set(key, JSON.parse(body) as number)
    },
    size: () => values.size,
    evicted: () => evicted,
  }
}
