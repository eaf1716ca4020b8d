import { binomialCdf, exactInterval } from '../../stats/distributions.ts'
import { percentText } from './abstention.ts'

/** One metric of one chunk, estimated before and realised after its labels came. */
export type ReconciledChunk = {
  readonly chunk: string
  readonly estimate: number
  readonly low: number
  readonly high: number
  readonly realised: number
}

export type Reconciliation = {
  readonly chunks: readonly (ReconciledChunk & { readonly inside: boolean; readonly bias: number })[]
  /** The share of intervals that held, and its exact 95 % interval; null without chunks. */
  readonly coverage: { readonly share: number; readonly low: number; readonly high: number } | null
  /** Mean of estimate minus realised, and its t statistic (0 with fewer than two chunks); null without chunks. */
  readonly bias: { readonly mean: number; readonly t: number } | null
  /** The probability of so many misses, or more, if the intervals were right. */
  readonly missPValue: number
  readonly verdict: 'holding' | 'not_to_be_trusted' | 'too_few'
  readonly text: string
}

const LEAST_CHUNKS = 3

/**
 * Holds estimates against what came true. Misses beyond what the level allows (exact binomial tail below `alpha`) mean that
 * the estimates of this model are not to be trusted: its labels no longer follow its scores. Chunks whose realised value is
 * not finite are left out. Throws RangeError for a level or alpha outside (0, 1).
 */
export function reconcile(given: readonly ReconciledChunk[], { level = 0.95, alpha = 0.01 } = {}): Reconciliation {
  for (const [name, value] of Object.entries({ level, alpha }))
    if (!(value > 0 && value < 1)) throw new RangeError(`${name} lies in (0, 1), not ${value}`)
  const chunks = given
    .filter(({ realised, estimate }) => Number.isFinite(realised) && Number.isFinite(estimate))
    .map((chunk) => ({
      ...chunk,
      inside: chunk.realised >= chunk.low && chunk.realised <= chunk.high,
      bias: chunk.estimate - chunk.realised,
    }))
  const misses = chunks.filter(({ inside }) => !inside).length
  const missPValue = 1 - binomialCdf(misses - 1, chunks.length, 1 - level)
  const verdict = chunks.length < LEAST_CHUNKS ? 'too_few' : missPValue < alpha ? 'not_to_be_trusted' : 'holding'
  const bias = biasOf(chunks.map((chunk) => chunk.bias))
  const hits = chunks.length - misses
  const coverage = chunks.length === 0 ? null : { share: hits / chunks.length, ...exactInterval(hits, chunks.length, 0.025) }
  return { chunks, coverage, bias, missPValue, verdict, text: textOf(verdict, misses, chunks.length, level, bias?.mean ?? 0) }
}

function biasOf(biases: readonly number[]): { mean: number; t: number } | null {
  if (biases.length === 0) return null
  const mean = biases.reduce((sum, bias) => sum + bias, 0) / biases.length
  if (biases.length < 2) return { mean, t: 0 }
  const variance = biases.reduce((sum, bias) => sum + (bias - mean) ** 2, 0) / (biases.length - 1)
  return { mean, t: variance > 0 ? mean / Math.sqrt(variance / biases.length) : 0 }
}

function textOf(verdict: Reconciliation['verdict'], misses: number, chunks: number, level: number, bias: number): string {
  const counts = `${misses} of ${chunks} intervals missed what came true, ${percentText(1 - level)} may`
  if (verdict === 'too_few') return `${chunks} chunks have labels; ${LEAST_CHUNKS} are needed to judge the estimates`
  if (verdict === 'holding') return `the estimates hold: ${counts}`
  const side = bias > 0 ? 'too high' : 'too low'
  return `estimates of this model are not to be trusted: concept drift. ${counts}; they are ${side} by ${Math.abs(bias).toFixed(4)} on average`
}
