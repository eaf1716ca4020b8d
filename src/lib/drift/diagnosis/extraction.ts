import type { Random } from '../../random.ts'
import type { Columns } from '../estimation/boosted-trees.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { type AttackFinding, cellKeys, LEAST_ACTOR_ROWS, rowsByName } from './attacks.ts'
import type { ActorTraffic } from './evasion.ts'

const VOLUME = 3
const SAMPLES = 499
/** Rows of an actor that are looked at, and values of the reference that they are held against. */
const MOST_EXTRACTION_ROWS = 400

/**
 * Actors that read the model out. Who sends at least three times the median of all actors is looked at: whether its rows fill
 * the range of the features evenly, as made-up queries do (mean over features of the distance from the reference less the
 * distance from a uniform one, after Juuti et al. 2019, "PRADA", who also ask whether queries look like nature), against
 * as many rows drawn from the reference (Monte Carlo p-value, at least 1/500); how many never repeat, and how much its
 * scores vary, are told beside it. Throws RangeError when lengths differ.
 */
export function findExtraction(traffic: ActorTraffic, reference: Columns, random: Random, alpha = 0.01): AttackFinding[] {
  const { columns, scores, actors } = traffic
  if (scores.length !== actors.length) throw new RangeError(`${scores.length} scores do not match ${actors.length} actors`)
  const groups = [...rowsByName(actors)]
  const counts = groups.map(([, own]) => own.length).sort((a, b) => a - b)
  const median = counts[counts.length >> 1] ?? 0
  const suspects = groups.filter(([, own]) => own.length >= Math.max(LEAST_ACTOR_ROWS, VOLUME * median) && groups.length > 1)
  const known = thinned(reference, MOST_EXTRACTION_ROWS)
  const nulls = new Map<number, number[]>()
  const found = suspects.map(([by, own]) => {
    const rows = own.slice(0, MOST_EXTRACTION_ROWS)
    const picked = columns.map((column) => Float64Array.from(rows, (row) => column[row]!))
    const evenness = evennessOf(picked, known)
    if (!nulls.has(rows.length)) nulls.set(rows.length, nullEvenness(reference, known, rows.length, random))
    const drawn = nulls.get(rows.length)!
    const asEven = drawn.filter((one) => one >= evenness).length
    const unique = new Set(cellKeys(picked, 1e-9)).size / rows.length
    const near = rows.filter((row) => Math.abs(scores[row]! - 0.5) < 0.25).length / rows.length
    return {
      by,
      rows: own.length,
      signs: [
        { name: 'fills the feature space evenly', excess: evenness, pValue: (1 + asEven) / (1 + drawn.length) },
        { name: 'rows that never repeat', excess: unique, pValue: 1 },
        { name: 'scores in the middle half', excess: near, pValue: 1 },
        { name: 'volume over the median actor', excess: own.length / Math.max(1, median), pValue: 1 },
      ],
    }
  })
  const adjusted = holmAdjusted(found.map(({ signs }) => signs[0]!.pValue))
  return found.flatMap(({ by, rows, signs }, i): AttackFinding[] => {
    // Honest traffic that drifted is far from the reference too, but no nearer to uniform.
    if (adjusted[i]! >= alpha || signs[0]!.excess <= 0) return []
    const text = `${by} sent ${rows} rows, ${signs[3]!.excess.toFixed(1)} times the median, that fill the feature space evenly as made-up queries do; ${(100 * signs[1]!.excess).toFixed(1)} % never repeat`
    return [{ attack: 'extraction', by, rows, signs, adjustedP: adjusted[i]!, text }]
  })
}

/** Mean over features of the distance from the reference less the distance from a uniform over the actor's own range. */
function evennessOf(picked: readonly Float64Array[], known: readonly Float64Array[]): number {
  let [sum, features] = [0, 0]
  for (const [f, column] of picked.entries()) {
    const finite = column.filter(Number.isFinite).sort()
    const [low, high] = [finite[0]!, finite.at(-1)!]
    if (!(high > low)) continue
    const uniform = finite.reduce((worst, value, i) => {
      const place = (value - low) / (high - low)
      return Math.max(worst, Math.abs(place - i / finite.length), Math.abs(place - (i + 1) / finite.length))
    }, 0)
    sum += sortedDistance(known[f]!, finite) - uniform
    features++
  }
  return features === 0 ? -1 : sum / features
}

function nullEvenness(reference: Columns, known: readonly Float64Array[], rows: number, random: Random): number[] {
  const total = reference[0]?.length ?? 0
  if (total === 0) return []
  return Array.from({ length: SAMPLES }, () => {
    const chosen = Array.from({ length: rows }, () => random.int(total))
    return evennessOf(
      reference.map((column) => Float64Array.from(chosen, (row) => column[row]!)),
      known,
    )
  })
}

/** Kolmogorov and Smirnov's distance of two ascending lists; 0 when one is empty. */
function sortedDistance(first: Float64Array, second: Float64Array): number {
  let [i, j, distance] = [0, 0, 0]
  while (i < first.length && j < second.length) {
    const value = Math.min(first[i]!, second[j]!)
    while (i < first.length && first[i]! <= value) i++
    while (j < second.length && second[j]! <= value) j++
    distance = Math.max(distance, Math.abs(i / first.length - j / second.length))
  }
  return distance
}

/** At most about `most` finite values of each column, ascending. */
function thinned(columns: Columns, most: number): Float64Array[] {
  const rows = columns[0]?.length ?? 0
  const step = Math.max(1, Math.floor(rows / most))
  return columns.map((column) =>
    Float64Array.from({ length: Math.floor(rows / step) }, (_, i) => column[i * step]!)
      .filter(Number.isFinite)
      .sort(),
  )
}
