import type { Random } from '../../random.ts'
import { normalTail } from '../../stats/distributions.ts'
import { boostTrees, type Columns } from '../estimation/boosted-trees.ts'
import { domainWeights } from '../estimation/domain-weights.ts'
import { type FeatureShare, shareMove } from './attribute-drift.ts'

export type LossRows = { readonly columns: Columns; readonly losses: ArrayLike<number> }

/** A change of mean loss in three parts, which sum to it. */
export type LossDecomposition = {
  readonly before: number
  readonly after: number
  /** From the reference's inputs to those that both samples have. */
  readonly toShared: number
  /** On the inputs that both have: what the same inputs now cost more. P(label | input) changed by this. */
  readonly concept: { readonly value: number; readonly error: number; readonly pValue: number }
  /** From the inputs that both have to the current ones. */
  readonly fromShared: number
  /** `toShared` and `fromShared`: what the move of the inputs costs. */
  readonly covariate: number
  /** The move of inputs through the reference's loss surface, by feature; it sums to `surface`, which is near `covariate`. */
  readonly features: readonly FeatureShare[]
  readonly surface: number
  /** Effective rows of each sample on the shared inputs; the concept part means little when either is small. */
  readonly effective: { readonly reference: number; readonly current: number }
  readonly text: string
}

/** Fewer effective rows than this on the shared inputs cannot tell a concept change from a covariate shift. */
const LEAST_SHARED_ROWS = 30

/**
 * How much of a change of loss comes from the inputs and how much from what they mean (Cai, Namkoong & Yadlowsky 2023,
 * "Diagnosing model performance under distribution shift", eq. 2–5). Both samples are weighted to the shared inputs with
 * density ∝ p(x) q(x) / (p(x) + q(x)), by a domain classifier on the features. It assumes that all that moves losses is in
 * the features: what changed unseen counts as concept. Weights are taken as known in the standard error. Losses that are not
 * finite are left out. Throws RangeError without rows.
 */
export function decomposeLoss(names: readonly string[], given: LossRows, now: LossRows, random: Random): LossDecomposition {
  const [reference, current] = [finiteRows(given), finiteRows(now)]
  const domain = domainWeights(reference.columns, current.columns, random.fork('domain'))
  const before = weighted(
    reference.losses,
    reference.losses.map(() => 1),
  )
  const after = weighted(
    current.losses,
    current.losses.map(() => 1),
  )
  const sharedBefore = weighted(reference.losses, domain.reference)
  const sharedAfter = weighted(
    current.losses,
    domain.current.map((p) => 1 - p),
  )
  const error = Math.hypot(sharedBefore.error, sharedAfter.error)
  const value = sharedAfter.mean - sharedBefore.mean
  const concept = { value, error, pValue: error > 0 ? Math.min(1, 2 * normalTail(Math.abs(value) / error)) : 1 }
  const [toShared, fromShared] = [sharedBefore.mean - before.mean, after.mean - sharedAfter.mean]
  const covariate = toShared + fromShared
  const surface = surfaceMove(names, reference, current, random.fork('surface'))
  const effective = { reference: sharedBefore.effective, current: sharedAfter.effective }
  const few = Math.min(effective.reference, effective.current) < LEAST_SHARED_ROWS
  return {
    before: before.mean,
    after: after.mean,
    toShared,
    concept,
    fromShared,
    covariate,
    ...surface,
    effective,
    text: few
      ? 'the samples share too few inputs to tell a change of inputs from a change of their meaning'
      : `the loss went from ${before.mean.toFixed(4)} to ${after.mean.toFixed(4)}: ${signed(covariate)} by inputs that moved, ${signed(value)} on the same inputs (± ${(1.96 * error).toFixed(4)})`,
  }
}

function surfaceMove(names: readonly string[], reference: Finite, current: Finite, random: Random) {
  const columns = reference.columns.map((column, f) => Float64Array.from([...column, ...current.columns[f]!]))
  const losses = Float64Array.from([...reference.losses, ...current.losses])
  const from = Array.from(reference.losses.keys())
  const to = Array.from(current.losses.keys(), (row) => row + from.length)
  const model = boostTrees(columns, losses, { loss: 'squared', trees: 40, random }, from)
  const { total, features } = shareMove(names, model, columns, { from, to, random })
  return { features, surface: total }
}

type Finite = { readonly columns: readonly Float64Array[]; readonly losses: Float64Array }

function finiteRows({ columns, losses }: LossRows): Finite {
  const rows = Array.from({ length: losses.length }, (_, i) => i).filter((i) => Number.isFinite(losses[i]!))
  return {
    columns: columns.map((column) => Float64Array.from(rows, (i) => column[i]!)),
    losses: Float64Array.from(rows, (i) => losses[i]!),
  }
}

function weighted(values: Float64Array, weights: Float64Array) {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const mean = values.reduce((sum, value, i) => sum + value * weights[i]!, 0) / total
  const squares = values.reduce((sum, value, i) => sum + (weights[i]! * (value - mean)) ** 2, 0)
  return { mean, error: Math.sqrt(squares) / total, effective: total ** 2 / weights.reduce((sum, weight) => sum + weight * weight, 0) }
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`
}
