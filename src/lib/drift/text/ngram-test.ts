import { createRandom } from '../../random.ts'
import { type TestOutcome, tooFew } from '../two-sample/result.ts'
import { sampleIndices } from '../two-sample/samples.ts'
import { characterNgrams } from './tokens.ts'

const LEAST_TEXTS = 10
/** Rarer character runs share one cell. */
const MOST_CELLS = 1_000
/** A text is looked at up to here. */
const MOST_CHARACTERS = 4_000

export type NgramOptions = {
  readonly size?: number
  readonly permutations?: number
  /** Texts a side that are drawn when there are more. 500 if not given. */
  readonly mostTexts?: number
  readonly seed?: number
}

/**
 * The Jensen–Shannon distance of the character runs (three long if not given) of two sets of texts, of each text the first 4,000
 * characters. Runs within a text depend on each other, so the p-value permutes whole texts. The effect is the root of what the
 * squared distance exceeds its mean over the permutations by: few or short texts always differ somewhat.
 */
export function characterNgramTest(reference: readonly string[], current: readonly string[], options: NgramOptions = {}): TestOutcome {
  const { size = 3, permutations = 199, mostTexts = 500, seed = 1 } = options
  const random = createRandom(seed)
  const drawn = [reference, current].map((texts) =>
    Array.from(sampleIndices(texts.length, mostTexts, random), (i) => characterNgrams(texts[i]!.slice(0, MOST_CHARACTERS), size)).filter(
      (grams) => grams.size > 0,
    ),
  )
  const [n, m] = drawn.map((texts) => texts.length) as [number, number]
  const short = tooFew('character_ngrams', 'The comparison of characters', LEAST_TEXTS, n, m)
  if (short) return short
  const texts = cellsOf(drawn.flat())
  const total = sumOf(
    texts,
    Uint32Array.from(texts, (_, i) => i),
  )
  const order = Uint32Array.from(texts, (_, i) => i)
  const divergenceAt = () => divergenceOf(sumOf(texts, order.subarray(0, n)), total)
  const seen = divergenceAt()
  let asFar = 0
  let chance = 0
  for (let round = 0; round < permutations; round++) {
    for (let i = 0; i < n; i++) {
      const other = i + random.int(n + m - i)
      const kept = order[other]!
      order[other] = order[i]!
      order[i] = kept
    }
    const divergence = divergenceAt()
    chance += divergence / permutations
    if (divergence >= seen - 1e-14) asFar++
  }
  return {
    test: 'character_ngrams',
    statistic: Math.sqrt(seen),
    effect: { name: 'JS distance beyond chance', value: Math.sqrt(Math.max(0, seen - chance)) },
    pValue: (1 + asFar) / (1 + permutations),
    referenceRows: n,
    currentRows: m,
    note: `p-value from ${permutations} permutations of whole texts`,
  }
}

type Cells = { readonly cells: Uint32Array; readonly counts: Uint32Array }

/** The texts' counts by cell: one for each of the most frequent runs, the last for all others. */
function cellsOf(texts: readonly Map<string, number>[]): Cells[] {
  const totals = new Map<string, number>()
  for (const text of texts) for (const [gram, count] of text) totals.set(gram, (totals.get(gram) ?? 0) + count)
  const ranked = [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MOST_CELLS)
  const cellOf = new Map(ranked.map(([gram], cell) => [gram, cell]))
  return texts.map((text) => {
    const own = new Map<number, number>()
    for (const [gram, count] of text) {
      const cell = cellOf.get(gram) ?? MOST_CELLS
      own.set(cell, (own.get(cell) ?? 0) + count)
    }
    return { cells: Uint32Array.from(own.keys()), counts: Uint32Array.from(own.values()) }
  })
}

function sumOf(texts: readonly Cells[], which: Uint32Array): Float64Array {
  const sums = new Float64Array(MOST_CELLS + 1)
  for (const i of which) {
    const { cells, counts } = texts[i]!
    for (let k = 0; k < cells.length; k++) sums[cells[k]!]! += counts[k]!
  }
  return sums
}

/** The Jensen–Shannon divergence, base 2, of a part of the counts from the rest of them. */
function divergenceOf(part: Float64Array, total: Float64Array): number {
  let [first, all] = [0, 0]
  for (let cell = 0; cell < total.length; cell++) {
    first += part[cell]!
    all += total[cell]!
  }
  let sum = 0
  for (let cell = 0; cell < total.length; cell++) {
    const p = part[cell]! / first
    const q = (total[cell]! - part[cell]!) / (all - first)
    if (p > 0) sum += p * Math.log2((2 * p) / (p + q))
    if (q > 0) sum += q * Math.log2((2 * q) / (p + q))
  }
  return Math.max(0, sum / 2)
}
