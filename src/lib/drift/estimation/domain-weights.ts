import type { Random } from '../../random.ts'
import { rocAucOf } from '../../stats/classification.ts'
import { boostTrees, type Columns, predictRow } from './boosted-trees.ts'

/** How a current sample lies against the reference, told by a classifier that tries to tell them apart. */
export type DomainWeights = {
  /** How well rows it had not seen were told apart: 0.5 not at all, 1 wholly. */
  readonly auc: number
  /** The probability, at equal sizes, that a row is a current one; for reference and for current rows, all out of fold. */
  readonly reference: Float64Array
  readonly current: Float64Array
  /** Importance weights p(current) / p(reference) of the reference rows, with mean 1. */
  readonly weights: Float64Array
  /**
   * The mean of the ratios before they were brought to mean 1. Where the reference covers the current rows it is near 1;
   * what it lacks is current mass that no reference row stands for, which effective rows alone do not show.
   */
  readonly covered: number
  /** Kish's effective sample size (Σw)² / Σw² of the reference under these weights (Kish 1965), times the part covered. */
  readonly effectiveRows: number
}

/** Rows of each side that the classifier is given at most; from more, this many are drawn. */
const MOST_DOMAIN_ROWS = 5_000

/**
 * Density ratios by a domain classifier (Sugiyama, Suzuki & Kanamori 2012, §4.1): trees learn reference against current in
 * two folds, each row is judged by the trees that have not seen it. Log odds are kept within ±6. Columns are features, NaN
 * is missing. Throws RangeError without rows or when the features do not match.
 */
export function domainWeights(reference: Columns, current: Columns, random: Random, trees = 40): DomainWeights {
  if (reference.length !== current.length)
    throw new RangeError(`${reference.length} reference features do not match ${current.length} current ones`)
  const [before, after] = [reference[0]?.length ?? 0, current[0]?.length ?? 0]
  if (before === 0 || after === 0) throw new RangeError(`a domain classifier needs rows of both samples, not ${before} and ${after}`)
  const columns = reference.map((column, f) => {
    const joined = new Float64Array(before + after)
    joined.set(Float64Array.from(column))
    joined.set(Float64Array.from(current[f]!), before)
    return joined
  })
  const domains = Uint8Array.from({ length: before + after }, (_, row) => Number(row >= before))
  const fold = Uint8Array.from(domains, () => random.int(2))
  const probabilities = new Float64Array(domains.length)
  const balance = Math.log(before / after)
  for (const held of [0, 1]) {
    const taught = [...rowsOf(fold, held, 0, before, random), ...rowsOf(fold, held, before, before + after, random)]
    const minRowsPerLeaf = Math.max(5, Math.min(50, Math.floor(taught.length / 40)))
    const model = boostTrees(columns, domains, { loss: 'logistic', trees, random, minRowsPerLeaf }, taught)
    const taughtBalance = taughtOdds(taught, before)
    for (let row = 0; row < domains.length; row++) {
      if (fold[row] !== held) continue
      const p = predictRow(model, columns, row)
      const odds = Math.log(p / (1 - p)) + taughtBalance
      probabilities[row] = 1 / (1 + Math.exp(-Math.min(6, Math.max(-6, Number.isFinite(odds) ? odds : balance))))
    }
  }
  const ratios = probabilities.slice(0, before).map((p) => p / (1 - p))
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / before
  const weights = ratios.map((ratio) => ratio / mean)
  return {
    auc: rocAucOf(domains, probabilities) ?? 0.5,
    reference: probabilities.slice(0, before),
    current: probabilities.slice(before),
    weights,
    covered: mean,
    effectiveRows: (Math.min(1, mean) * before ** 2) / weights.reduce((sum, weight) => sum + weight * weight, 0),
  }
}

function rowsOf(fold: Uint8Array, held: number, from: number, to: number, random: Random): number[] {
  const rows: number[] = []
  const share = MOST_DOMAIN_ROWS / Math.max(1, to - from)
  for (let row = from; row < to; row++) if (fold[row] !== held && (share >= 1 || random.next() < share)) rows.push(row)
  // A fold of a tiny sample may come out empty; its first row then stands for it.
  return rows.length > 0 ? rows : [from]
}

function taughtOdds(taught: readonly number[], before: number): number {
  const reference = taught.filter((row) => row < before).length
  return Math.log(reference / (taught.length - reference))
}
