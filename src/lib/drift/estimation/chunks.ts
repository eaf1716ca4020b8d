/** Rows `from` (included) to `to` (not included), in the order they came. */
export type Chunk = { readonly from: number; readonly to: number; readonly name: string }

/**
 * Chunks of `size` rows. A last one of less than half the size is joined to the one before, so that no estimate rests on a
 * remnant. Throws RangeError unless size ≥ 1.
 */
export function chunksByRows(rows: number, size: number): Chunk[] {
  if (!(Number.isInteger(size) && size >= 1)) throw new RangeError(`a chunk has a whole number of rows above 0, not ${size}`)
  const chunks: Chunk[] = []
  for (let from = 0; from < rows; from += size) {
    const to = Math.min(rows, from + size)
    const last = chunks.at(-1)
    if (last && to - from < size / 2) chunks[chunks.length - 1] = named(last.from, to)
    else chunks.push(named(from, to))
  }
  return chunks
}

function named(from: number, to: number): Chunk {
  return { from, to, name: `rows ${from + 1} to ${to}` }
}

/**
 * Chunks of the same span of time, counted from the epoch in steps of `spanMs`, named by their start; spans without rows are
 * left out. Times are milliseconds, ascending. Throws RangeError when they are not, or the span is not above 0.
 */
export function chunksByTime(timesMs: ArrayLike<number>, spanMs: number): Chunk[] {
  if (!(spanMs > 0)) throw new RangeError(`a span of time is above 0 ms, not ${spanMs}`)
  const chunks: Chunk[] = []
  let current = Number.NaN
  for (let row = 0; row < timesMs.length; row++) {
    if (row > 0 && !(timesMs[row]! >= timesMs[row - 1]!)) throw new RangeError(`times must ascend; row ${row} does not`)
    const span = Math.floor(timesMs[row]! / spanMs)
    const last = chunks.at(-1)
    if (last && span === current) chunks[chunks.length - 1] = { ...last, to: row + 1 }
    else chunks.push({ from: row, to: row + 1, name: new Date(span * spanMs).toISOString() })
    current = span
  }
  return chunks
}
