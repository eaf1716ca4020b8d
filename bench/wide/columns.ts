import type { TableChunk } from '../../src/lib/drift/profile/table.ts'
import { createRandom } from '../../src/lib/random.ts'

/** Rows that are handed over at once. */
export const CHUNK_ROWS = 8_192
const POOL = 1_048_576
/** Every fiftieth feature moves, by this many deviations. */
const MOVED_EVERY = 50
const MOVED_BY = 0.5

export const featureName = (feature: number) => `f${String(feature).padStart(4, '0')}`
export const isMoved = (feature: number) => feature % MOVED_EVERY === 7

/**
 * Normal features, cut from a pool of draws so that making them costs nothing beside looking at them: feature `f` of chunk `c` begins at a place that
 * depends on both. In the current rows every fiftieth feature is half a deviation higher.
 */
export function createColumns(seed: string) {
  const random = createRandom(seed)
  const calm = Float64Array.from({ length: POOL }, () => random.normal())
  const moved = calm.map((value) => value + MOVED_BY)
  return (features: readonly number[], chunk: number, rows: number, current: boolean): TableChunk => ({
    rows,
    columns: features.map((feature) => {
      const from = (chunk * 7_919 * 131 + feature * 104_729) % (POOL - CHUNK_ROWS)
      return (current && isMoved(feature) ? moved : calm).subarray(from, from + rows)
    }),
  })
}
