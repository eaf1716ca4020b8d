import type { GateCheck, GateMetric } from '../../../contract/gates.ts'
import type { Spec } from '../../../contract/kinds.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import { comparePaired } from '../../../lib/stats/paired.ts'

/** Both models’ scores on the same labelled rows. */
export type Pair = { readonly labels: Float32Array; readonly champion: Float32Array; readonly challenger: Float32Array }
/** The score from which each version says 1. */
export type Thresholds = { readonly threshold: number; readonly challengerThreshold: number }
type Slice = Spec<'Gate'>['slices'][number]

const metrics = { f1: 'f1', error_rate: 'error', log_loss: 'logLoss', brier: 'brier' } as const satisfies Record<GateMetric, string>

/** Fewer rows than this say nothing about a slice. */
const SLICE_ROWS = 20

/** What the newest window shows: better, or not worse by the margin, with the confidence the gate asks for. */
export function checkNewest(spec: Spec<'Gate'>, pair: Pair, thresholds: Thresholds): GateCheck {
  const bound = spec.require === 'better' ? 0 : -spec.margin
  const required =
    spec.require === 'better'
      ? `the ${percent(spec.confidence)} interval of the difference must lie above 0`
      : `the ${percent(spec.confidence)} interval of the difference must lie above ${bound}`
  return check({
    spec,
    name: 'newest window',
    pair,
    thresholds,
    minRows: spec.minRows,
    required,
    passes: ({ low }) => low !== null && low > bound,
  })
}

/** A frozen slice: the challenger may lose at most `maxRegression` there. */
export function checkSlice(
  spec: Spec<'Gate'>,
  slice: Slice,
  pair: Pair,
  matrix: LabelledMatrix,
  features: readonly string[],
  thresholds: Thresholds,
): GateCheck {
  const required = `it may be worse by at most ${slice.maxRegression}`
  const chosen = rowsOfSlice(slice, matrix, features)
  const part = { labels: pick(pair.labels, chosen), champion: pick(pair.champion, chosen), challenger: pick(pair.challenger, chosen) }
  return check({
    spec,
    name: slice.name,
    pair: part,
    thresholds,
    minRows: SLICE_ROWS,
    required,
    passes: ({ difference }) => difference !== null && difference >= -slice.maxRegression,
  })
}

type Check = {
  spec: Spec<'Gate'>
  name: string
  pair: Pair
  thresholds: Thresholds
  minRows: number
  required: string
  passes: (compared: { difference: number | null; low: number | null }) => boolean
}

function check({ spec, name, pair, thresholds, minRows, required, passes }: Check): GateCheck {
  const rows = pair.labels.length
  const known = { name, rows, metric: spec.metric, required }
  if (rows < minRows)
    return { ...known, champion: null, challenger: null, difference: null, low: null, high: null, outcome: 'insufficient_data' }
  const compared = comparePaired({ ...pair, ...thresholds, confidence: spec.confidence, seed: rows }).metrics[metrics[spec.metric]]
  const { champion, challenger, improvement: difference } = compared
  const { low, high } = compared.interval ?? { low: null, high: null }
  if (difference === null) return { ...known, champion, challenger, difference, low, high, outcome: 'insufficient_data' }
  return { ...known, champion, challenger, difference, low, high, outcome: passes({ difference, low }) ? 'pass' : 'fail' }
}

function rowsOfSlice(slice: Slice, { values, rows }: LabelledMatrix, features: readonly string[]): number[] {
  const all = Array.from({ length: rows }, (_, row) => row)
  if (slice.feature === undefined) return all
  const column = features.indexOf(slice.feature)
  if (column < 0) return []
  const { atLeast = -Infinity, below = Infinity } = slice
  return all.filter((row) => {
    const value = values[row * features.length + column]!
    return value >= atLeast && value < below
  })
}

const pick = (values: Float32Array, rows: readonly number[]) => Float32Array.from(rows, (row) => values[row]!)
const percent = (share: number) => `${Math.round(share * 100)} %`
