import type { Spec } from '../../../contract/kinds.ts'
import { concentrationOf } from '../../../lib/drift/diagnosis/concentration.ts'
import type { Profile } from '../../../lib/drift/profile/profile.ts'
import { exactInterval } from '../../../lib/stats/distributions.ts'

type SampledRow = { readonly features: Float32Array; readonly score: number; readonly actor: string }
export type LabelledRow = { readonly label: number; readonly score: number; readonly actor: string; readonly labelSource: string }

export type Observed = {
  readonly profile: Profile
  /** Features that moved most, by name, worst first. */
  readonly moved: readonly string[]
  readonly rows: readonly SampledRow[]
  readonly labelled: readonly LabelledRow[]
  readonly threshold: number
  readonly baselineErrors: number
  readonly baselineRows: number
  readonly tolerance: number
}
type Cause = 'broken_data' | 'poisoned_labels' | 'evasion' | 'real_change' | 'no_loss'
export type Assessment = {
  readonly cause: Cause
  readonly summary: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly actors: readonly string[]
  readonly labelSources: readonly string[]
}
type Limits = Spec<'Loop'>['triage']

const LEAST_LABELS_PER_SOURCE = 30
const percent = (share: number) => `${(share * 100).toFixed(1)} %`

/**
 * Tells what is behind a detection, from the cheapest explanation to the dearest: broken data, poisoned labels, a shift
 * that costs nothing, an attack by a few actors, a real change. Every answer states what it rests on.
 */
export function assess(observed: Observed, limits: Limits): Assessment {
  const faults = dataFaults(observed, limits)
  if (faults.length > 0)
    return {
      cause: 'broken_data',
      summary: `broken data: ${faults.map((fault) => fault.text).join('; ')}`,
      evidence: { faults },
      actors: [],
      labelSources: [],
    }
  const sources = errorsBySource(observed)
  const liars = poisonedSources(sources, observed, limits)
  if (liars.length > 0) {
    const text = liars
      .map((source) => `${source.name} contradicts the model on ${percent(source.errorRate)} of ${source.rows} rows`)
      .join('; ')
    return {
      cause: 'poisoned_labels',
      summary: `poisoned labels: ${text}, the other sources on ${percent(othersRate(sources, liars))}`,
      evidence: { sources },
      actors: [],
      labelSources: liars.map((source) => source.name),
    }
  }
  const wrong = observed.labelled.filter((row) => isWrong(row, observed.threshold))
  const errorRate = observed.labelled.length === 0 ? null : wrong.length / observed.labelled.length
  const baseline = observed.baselineErrors / Math.max(1, observed.baselineRows)
  const facts = { labelledRows: observed.labelled.length, errorRate, baselineErrorRate: baseline, moved: observed.moved.slice(0, 5) }
  if (errorRate !== null && !isWorse(wrong.length, observed)) {
    return {
      cause: 'no_loss',
      summary: `the inputs moved, the quality did not: error ${percent(errorRate)} on ${observed.labelled.length} labelled rows, ${percent(baseline)} before`,
      evidence: facts,
      actors: [],
      labelSources: [],
    }
  }
  const few = concentration(observed, limits)
  const wrongByFew = wrong.length === 0 ? 0 : wrong.filter((row) => few.groups.includes(row.actor)).length / wrong.length
  const evidence = {
    ...facts,
    shiftExplainedByFew: few.explained,
    few: few.groups.length,
    rowShareOfFew: few.rowShare,
    errorShareOfFew: wrongByFew,
    boundaryCrowding: boundaryCrowding(observed, few.groups),
  }
  const loss = errorRate === null ? 'no labels yet' : `error ${percent(errorRate)} against ${percent(baseline)}`
  if (Math.max(few.explained, wrongByFew) >= limits.concentration)
    return {
      cause: 'evasion',
      summary: `attack: ${few.groups.length} actors make ${percent(few.explained)} of the shift and ${percent(wrongByFew)} of the errors; ${loss}`,
      evidence,
      actors: few.groups,
      labelSources: [],
    }
  return {
    cause: 'real_change',
    summary: `real change: the shift is spread over all actors (the most active few explain ${percent(few.explained)}); ${loss}`,
    evidence,
    actors: [],
    labelSources: [],
  }
}

type Fault = { readonly feature: string; readonly kind: 'missing' | 'stuck'; readonly share: number; readonly text: string }

function dataFaults({ profile, rows }: Observed, limits: Limits): Fault[] {
  if (rows.length === 0) return []
  return profile.features.slice(0, -1).flatMap((feature, i): Fault[] => {
    const missing = rows.filter((row) => !Number.isFinite(row.features[i])).length / rows.length
    if (missing - feature.missing > limits.maxMissingShare)
      return [
        {
          feature: feature.name,
          kind: 'missing',
          share: missing,
          text: `${feature.name} is missing in ${percent(missing)} of rows (${percent(feature.missing)} in the reference)`,
        },
      ]
    const first = rows[0]!.features[i]!
    const same = rows.filter((row) => row.features[i] === first).length / rows.length
    if (same > 0.99 && feature.variance > 0 && Math.max(...feature.expected) < 0.8)
      return [
        { feature: feature.name, kind: 'stuck', share: same, text: `${feature.name} is stuck at ${first} in ${percent(same)} of rows` },
      ]
    return []
  })
}

type Source = { readonly name: string; readonly rows: number; readonly errors: number; readonly errorRate: number }

function errorsBySource({ labelled, threshold }: Observed): Source[] {
  const counts = new Map<string, { rows: number; errors: number }>()
  for (const row of labelled) {
    const count = counts.get(row.labelSource) ?? { rows: 0, errors: 0 }
    counts.set(row.labelSource, { rows: count.rows + 1, errors: count.errors + Number(isWrong(row, threshold)) })
  }
  return [...counts].map(([name, { rows, errors }]) => ({ name, rows, errors, errorRate: errors / rows }))
}

/** A source lies when it contradicts the model far more than the others do on the same traffic, and the others are as they were. */
function poisonedSources(sources: readonly Source[], observed: Observed, limits: Limits): Source[] {
  const heard = sources.filter((source) => source.rows >= LEAST_LABELS_PER_SOURCE)
  const suspects = heard.filter((source) => {
    const others = heard.filter((other) => other !== source)
    return others.length > 0 && source.errorRate - othersRate(heard, [source]) >= limits.labelConflict
  })
  const honest = heard.filter((source) => !suspects.includes(source))
  if (suspects.length === 0 || honest.length === 0) return []
  const honestErrors = honest.reduce((sum, source) => sum + source.errors, 0)
  const honestRows = honest.reduce((sum, source) => sum + source.rows, 0)
  return honestErrors / honestRows <= observed.baselineErrors / Math.max(1, observed.baselineRows) + limits.labelConflict / 2
    ? suspects
    : []
}

function othersRate(sources: readonly Source[], without: readonly Source[]): number {
  const others = sources.filter((source) => !without.includes(source))
  const rows = others.reduce((sum, source) => sum + source.rows, 0)
  return rows === 0 ? 0 : others.reduce((sum, source) => sum + source.errors, 0) / rows
}

/** Whether the labelled error is above everything the baseline allows, with 95 % confidence on both sides. */
function isWorse(errors: number, { labelled, baselineErrors, baselineRows, tolerance }: Observed): boolean {
  const before = exactInterval(baselineErrors, Math.max(1, baselineRows), 0.05).high
  return exactInterval(errors, labelled.length, 0.05).low > before + tolerance
}

function concentration({ profile, moved, rows }: Observed, limits: Limits) {
  // A detection on the labelled error names no feature; then all of them are looked at.
  const named = profile.features.filter((feature) => moved.includes(feature.name))
  const features = (named.length > 0 ? named : profile.features).map((feature) => {
    const column = profile.features.indexOf(feature)
    return { profile: feature, values: rows.map((row) => row.features[column] ?? row.score) }
  })
  const actors = rows.map((row) => row.actor)
  const known = new Set(actors.filter((actor) => actor !== '')).size
  return concentrationOf({ features, groups: actors, most: Math.max(1, Math.floor(known * limits.maxActorShare)) })
}

/** How much more often the suspects’ scores lie within 0.15 of the threshold than everybody else’s. */
function boundaryCrowding({ rows, threshold }: Observed, suspects: readonly string[]): number | null {
  const near = (part: readonly SampledRow[]) => part.filter((row) => Math.abs(row.score - threshold) < 0.15).length / part.length
  const own = rows.filter((row) => suspects.includes(row.actor))
  const others = rows.filter((row) => !suspects.includes(row.actor))
  return own.length === 0 || others.length === 0 ? null : near(own) - near(others)
}

function isWrong(row: LabelledRow, threshold: number): boolean {
  return row.score >= threshold !== row.label >= 0.5
}
