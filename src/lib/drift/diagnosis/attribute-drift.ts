import type { Random } from '../../random.ts'
import { rocAucOf } from '../../stats/classification.ts'
import { normalTail } from '../../stats/distributions.ts'
import { type BoostedTrees, boostTrees, type Columns, featuresUsed, predictRow, sumAt } from '../estimation/boosted-trees.ts'
import { shapleyValues, shuffled } from './shapley.ts'

export type FeatureShare = {
  readonly feature: string
  /** What the feature adds to the whole, in its unit; all of them sum to it. */
  readonly value: number
  /** Its part of the whole, which may be negative; 0 when the whole is 0. */
  readonly share: number
  readonly error: number
}

export type DriftAttribution = {
  /** How well a classifier tells held-out current rows from reference rows; 0.5 is not at all. */
  readonly auc: number
  /** One-sided p-value of that against 0.5 (Mann & Whitney). */
  readonly pValue: number
  /** Mean log odds of current rows less that of reference rows, which the features share out. */
  readonly total: number
  /** Largest share first. */
  readonly features: readonly FeatureShare[]
}

/** Rows of each sample that are looked at; of more, this many are drawn. */
const MOST_ATTRIBUTED_ROWS = 5_000
const PAIRS = 200

/**
 * Which features the drift is in: a domain classifier is taught on half of the rows; on the other half its mean log odds
 * move from reference rows to current rows, and that move is shared out by Shapley values over hybrid rows that take some
 * features from a current row and the rest from a reference row (interventional, as in Janzing et al. 2020). Features that
 * move together share what either would show alone. Throws RangeError below 20 rows a side or for names that do not match.
 */
export function attributeDrift(names: readonly string[], reference: Columns, current: Columns, random: Random): DriftAttribution {
  const [before, after] = [drawRows(reference, random), drawRows(current, random)]
  if (names.length !== reference.length || names.length !== current.length)
    throw new RangeError(`${names.length} names do not match ${reference.length} and ${current.length} columns`)
  if (before.length < 20 || after.length < 20)
    throw new RangeError(`attribution needs at least 20 rows of each sample, not ${before.length} and ${after.length}`)
  const columns = reference.map((column, f) => [...before.map((row) => column[row]!), ...after.map((row) => current[f]![row]!)])
  const domains = [...before.map(() => 0), ...after.map(() => 1)]
  const half = domains.map((_, i) => i % 2)
  const rowsOf = (domain: number, part: number) => half.flatMap((own, i) => (own === part && domains[i] === domain ? [i] : []))
  const taught = [...rowsOf(0, 0), ...rowsOf(1, 0)]
  const model = boostTrees(columns, domains, { loss: 'logistic', trees: 40, depth: 3, random }, taught)
  const [heldBefore, heldAfter] = [rowsOf(0, 1), rowsOf(1, 1)]
  const held = [...heldBefore, ...heldAfter]
  const auc =
    rocAucOf(
      held.map((row) => domains[row]!),
      held.map((row) => predictRow(model, columns, row)),
    ) ?? 0.5
  const spread = Math.sqrt((held.length + 1) / (12 * heldBefore.length * heldAfter.length))
  const shares = shareMove(names, model, columns, { from: heldBefore, to: heldAfter, random })
  return { auc, pValue: normalTail((auc - 0.5) / spread), ...shares }
}

/** Rows of a model's columns between which its sum moves. */
export type Move = { readonly from: readonly number[]; readonly to: readonly number[]; readonly random: Random }

/**
 * The move of a model's mean sum from some rows to others, shared out over the features by Shapley values on at most 200
 * pairs. For up to eight features in use the sets are all valued; for more each pair has its own permutation and the reverse.
 */
export function shareMove(
  names: readonly string[],
  model: BoostedTrees,
  columns: Columns,
  { from, to, random }: Move,
): Pick<DriftAttribution, 'total' | 'features'> {
  const used = featuresUsed(model)
  const count = Math.min(PAIRS, Math.max(from.length, to.length))
  const starts = shuffled(from.length, random)
  const ends = shuffled(to.length, random)
  const pairs = Array.from({ length: count }, (_, i) => [from[starts[i % starts.length]!]!, to[ends[i % ends.length]!]!] as const)
  const mixed = columns.map(() => new Float64Array(1))
  const sumOf = ([start, end]: readonly [number, number], isIn: readonly boolean[]) => {
    for (const [player, f] of used.entries()) mixed[f]![0] = columns[f]![isIn[player] ? end : start]!
    return sumAt(model, mixed, 0)
  }
  const values = new Float64Array(names.length)
  const squares = new Float64Array(names.length)
  for (const pair of pairs) {
    const own = shapleyValues(used.length, (isIn) => sumOf(pair, isIn), { random, permutations: 1 })
    for (const [player, f] of used.entries()) {
      values[f]! += own.values[player]! / count
      squares[f]! += own.values[player]! ** 2 / count
    }
  }
  const total = values.reduce((sum, value) => sum + value, 0)
  const features = names.map((feature, f) => ({
    feature,
    value: values[f]!,
    share: total === 0 ? 0 : values[f]! / total,
    error: Math.sqrt(Math.max(0, squares[f]! - values[f]! ** 2) / count),
  }))
  return { total, features: features.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)) }
}

function drawRows(columns: Columns, random: Random): number[] {
  const rows = columns[0]?.length ?? 0
  return rows <= MOST_ATTRIBUTED_ROWS ? Array.from({ length: rows }, (_, i) => i) : shuffled(rows, random).slice(0, MOST_ATTRIBUTED_ROWS)
}
