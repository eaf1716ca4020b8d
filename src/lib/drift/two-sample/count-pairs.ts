/**
 * Counts of two samples over the same cells (categories, or frozen bins), as checked by `countPair`: no cell is empty in
 * both.
 */
export type CountPair = {
  readonly reference: readonly number[]
  readonly current: readonly number[]
  readonly referenceRows: number
  readonly currentRows: number
  /** How many cells were thrown together into one because one of their expected counts was below the limit. */
  readonly pooled: number
}

/** Cochran's rule (1954): the χ² approximation is trusted from this expected count on. */
const LEAST_EXPECTED = 5

/**
 * Checks two lists of counts and leaves out cells that are empty in both. Throws RangeError when the lists differ in length
 * or a count is not a whole number ≥ 0.
 */
export function countPair(reference: readonly number[], current: readonly number[]): CountPair {
  if (reference.length !== current.length)
    throw new RangeError(`${reference.length} reference bins do not match ${current.length} observed`)
  for (const counts of [reference, current])
    for (const count of counts)
      if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`a count is a whole number of rows, not ${count}`)
  const kept = reference.flatMap((count, cell) => (count + current[cell]! > 0 ? [cell] : []))
  const [first, second] = [kept.map((cell) => reference[cell]!), kept.map((cell) => current[cell]!)]
  return { reference: first, current: second, referenceRows: sumOf(first), currentRows: sumOf(second), pooled: 0 }
}

/**
 * The same counts with every cell whose smaller expected count under equal shares is below 5 thrown into one; when that one is
 * still below 5, the smallest of the others joins it.
 */
export function poolRare(pair: CountPair): CountPair {
  const { reference, current, referenceRows, currentRows } = pair
  const smaller = Math.min(referenceRows, currentRows) / (referenceRows + currentRows)
  const cells = reference.map((count, cell) => ({ count, other: current[cell]!, expected: (count + current[cell]!) * smaller }))
  const rare = cells.filter((cell) => cell.expected < LEAST_EXPECTED)
  if (rare.length === 0) return pair
  const common = cells.filter((cell) => cell.expected >= LEAST_EXPECTED)
  if (rare.reduce((sum, cell) => sum + cell.expected, 0) < LEAST_EXPECTED && common.length > 0) {
    const smallest = common.reduce((least, cell) => (cell.expected < least.expected ? cell : least))
    common.splice(common.indexOf(smallest), 1)
    rare.push(smallest)
  }
  const together = { count: sumOf(rare.map((cell) => cell.count)), other: sumOf(rare.map((cell) => cell.other)) }
  const merged = [...common, together]
  return {
    reference: merged.map((cell) => cell.count),
    current: merged.map((cell) => cell.other),
    referenceRows,
    currentRows,
    pooled: rare.length > 1 ? rare.length : 0,
  }
}

/**
 * The cells of two samples of categories, in the order in which they are first met, and how often each occurs. A missing value
 * is a category of its own when the caller gives it a name.
 */
export function countCategories(
  reference: readonly string[],
  current: readonly string[],
): { readonly categories: readonly string[]; readonly reference: readonly number[]; readonly current: readonly number[] } {
  const first = new Map<string, number>()
  const second = new Map<string, number>()
  for (const category of reference) first.set(category, (first.get(category) ?? 0) + 1)
  for (const category of current) second.set(category, (second.get(category) ?? 0) + 1)
  const categories = [...new Set([...first.keys(), ...second.keys()])]
  return {
    categories,
    reference: categories.map((category) => first.get(category) ?? 0),
    current: categories.map((category) => second.get(category) ?? 0),
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
