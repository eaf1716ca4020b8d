import { createRandom } from '../../random.ts'
import type { AttackFinding } from './attacks.ts'
import { attributeDrift, type FeatureShare } from './attribute-drift.ts'
import type { CauseInput, DiagnosisRows } from './cause-facts.ts'
import { decomposeLoss } from './decompose-loss.ts'
import { type CauseVerdict, diagnoseCause } from './diagnose-cause.ts'
import { findSubgroups, type GroupingColumn, type Subgroup } from './subgroups.ts'

export type WindowDiagnosisInput = Omit<CauseInput, 'random'> & { readonly seed: string }

/** Everything that is said of a window beside its reference. */
export type WindowDiagnosis = {
  readonly cause: CauseVerdict['cause']
  readonly evidence: CauseVerdict['evidence']
  readonly attacks: readonly AttackFinding[]
  /** Parts of the drift of inputs by feature, largest first; empty where the inputs cannot be told from the reference. */
  readonly features: readonly FeatureShare[]
  /** The change of the error rate in parts; null without enough labels on both sides. */
  readonly performance: { readonly change: number; readonly covariate: number; readonly concept: number; readonly note: string } | null
  /** Where errors are many, or without labels where the window is unlike the reference. */
  readonly slices: readonly Subgroup[]
}

/** Fewer rows than this are not diagnosed. */
export const LEAST_DIAGNOSED_ROWS = 30
const LEAST_LABELS = 50
/** Where rows cannot be told from the reference with this p-value, there is no drift of inputs to share out. */
const ALPHA = 0.01
const LEAST_LABELS_FOR_SLICES = 200
const MOST_SLICES = 6

/** Cause, shares, slices and attackers of a window. A second or so for 2,000 rows of 30 features a sample. Throws RangeError below 30 rows a side. */
export function diagnoseWindow({ seed, ...input }: WindowDiagnosisInput): WindowDiagnosis {
  const random = createRandom(seed)
  const { names, reference, current } = input
  const rows = Math.min(reference.scores.length, current.scores.length)
  if (rows < LEAST_DIAGNOSED_ROWS) throw new RangeError(`${rows} rows; ${LEAST_DIAGNOSED_ROWS} of each side are needed`)
  const { cause, evidence, facts } = diagnoseCause({ ...input, random: random.fork('cause') })
  const attribution = attributeDrift(names, reference.columns, current.columns, random.fork('attribution'))
  return {
    cause,
    evidence,
    attacks: facts.attacks,
    features: attribution.pValue < ALPHA ? attribution.features : [],
    performance: performanceOf(input, seed),
    slices: slicesOf(input, seed),
  }
}

function performanceOf({ names, reference, current, threshold = 0.5 }: Omit<WindowDiagnosisInput, 'seed'>, seed: string) {
  const [before, after] = [errorsOf(reference, threshold), errorsOf(current, threshold)]
  if (!before || !after || Math.min(countOf(before), countOf(after)) < LEAST_LABELS) return null
  const found = decomposeLoss(
    names,
    { columns: reference.columns, losses: before },
    { columns: current.columns, losses: after },
    createRandom(`${seed}/loss`),
  )
  return { change: found.after - found.before, covariate: found.covariate, concept: found.concept.value, note: found.text }
}

function slicesOf({ names, reference, current, threshold = 0.5 }: Omit<WindowDiagnosisInput, 'seed'>, seed: string): Subgroup[] {
  const options = { random: createRandom(`${seed}/slices`), depth: 2, most: MOST_SLICES } as const
  const errors = errorsOf(current, threshold)
  if (errors && countOf(errors) >= LEAST_LABELS_FOR_SLICES) {
    const columns: GroupingColumn[] = names.map((name, f) => ({ name, kind: 'numeric', values: current.columns[f]! }))
    const named = (name: string, values: readonly string[] | undefined): GroupingColumn[] =>
      values && new Set(values).size > 1 ? [{ name, kind: 'category', values }] : []
    return findSubgroups([...columns, ...named('actor', current.actors), ...named('source', current.sources)], errors, options)
  }
  const columns: GroupingColumn[] = names.map((name, f) => ({
    name,
    kind: 'numeric',
    values: Float64Array.from([...Array.from(reference.columns[f]!), ...Array.from(current.columns[f]!)]),
  }))
  const isCurrent = [...Array.from(reference.scores, () => 0), ...Array.from(current.scores, () => 1)]
  return findSubgroups(columns, isCurrent, options)
}

/** 1 where the decision differs from the label, NaN without a label. */
function errorsOf({ scores, labels }: DiagnosisRows, threshold: number): Float64Array | null {
  if (!labels) return null
  return Float64Array.from({ length: scores.length }, (_, row) => {
    const label = labels[row]!
    return Number.isFinite(label) ? Number(scores[row]! >= threshold !== label >= 0.5) : Number.NaN
  })
}

function countOf(values: Float64Array): number {
  return values.reduce((count, value) => count + Number(Number.isFinite(value)), 0)
}
