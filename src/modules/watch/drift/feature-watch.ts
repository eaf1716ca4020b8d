import type { MonitorSpec } from '../../../contract/drift.ts'
import { profileFrom } from '../../../lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch, type Sketch } from '../../../lib/drift/profile/sketch.ts'
import {
  advanceDetector,
  createDetector,
  type Detector,
  type DetectorState,
  detectorState,
  forgetEvidence,
  isDetectorState,
  resetDetector,
  restoreDetector,
} from '../../../lib/drift/streaming/feature-detector.ts'
import {
  advanceSegments,
  createSegmentedDetector,
  forgetSegments,
  type Segment,
  type SegmentedDetector,
  type SegmentedState,
  segmentedState,
} from '../../../lib/drift/streaming/segments.ts'
import { budgetOf } from './budget.ts'
import { segmentTest } from './segment-rows.ts'
import type { Shown, StoredProfile } from './store.ts'
import type { Opened } from './target.ts'

/** What both signals share the budget by: each gets half, so twice the rows or seconds. */
export const SIGNALS = 2
/** Rows per block of the detector: small enough that a shift is seen within a fraction of a second at a few thousand rows a second. */
export const BLOCK_ROWS = 64
/** The probability, within the budget, that the finite reference misleads. */
const REFERENCE_ERROR = 0.05
const MOST_WATCHES = 100

export type FeatureState = { readonly whole: DetectorState; readonly segments: SegmentedState | null }
type Part = { readonly sketch: Sketch; readonly belongs: (row: RowOf) => boolean }
type RowOf = { readonly features: Float32Array; readonly actor: string; readonly source: string }

/** Watches all features of all rows and, where segments are declared, each segment’s; mutable. */
export type FeatureWatch = {
  readonly threshold: number
  readonly sketch: Sketch
  readonly whole: Detector
  readonly parts: { readonly detector: SegmentedDetector; readonly byName: ReadonlyMap<string, Part> } | undefined
}

/** The watch of a monitor, in the state given. Making one costs much more than using it, so at most 100 are kept. */
export type FeatureWatches = (opened: Opened, state: FeatureState | null) => FeatureWatch

export function createFeatureWatches(): FeatureWatches {
  const kept = new Map<string, FeatureWatch>()
  return ({ reference, season, segments, monitor }, state) => {
    const { falseAlarmBudget, tolerance } = monitor.spec
    const watched = segments.map(({ name }) => name)
    const key = JSON.stringify([reference.digest, season?.digest, falseAlarmBudget, tolerance.features, monitor.spec.segments, watched])
    const watch = kept.get(key) ?? createWatch(reference, monitor.spec, season?.buckets, segments)
    kept.delete(key)
    kept.set(key, watch)
    if (kept.size > MOST_WATCHES) kept.delete(kept.keys().next().value!)
    restore(watch, state)
    return watch
  }
}

function createWatch(
  { profile }: StoredProfile,
  spec: MonitorSpec,
  season: Parameters<typeof createDetector>[0]['season'],
  segments: readonly Segment[],
): FeatureWatch {
  const falseAlarmEveryRows = budgetOf(spec.falseAlarmBudget).every * SIGNALS
  const watched = segments.length > 0
  const options = {
    falseAlarmEveryRows,
    tolerance: spec.tolerance.features,
    referenceError: watched ? REFERENCE_ERROR / 2 : REFERENCE_ERROR,
  }
  const names = profile.features.slice(0, -1).map(({ name }) => name)
  const parts = watched
    ? {
        detector: createSegmentedDetector({ ...options, segments }),
        byName: new Map(
          segments.map((segment): [string, Part] => {
            const declared = spec.segments.find(({ name }) => name === segment.name)!
            return [segment.name, { sketch: createSketch(segment.profile), belongs: segmentTest(declared, names) }]
          }),
        ),
      }
    : undefined
  return {
    threshold: falseAlarmEveryRows / (1 - REFERENCE_ERROR),
    sketch: createSketch(profile),
    whole: createDetector({ ...options, profile, ...(season ? { season } : {}) }),
    parts,
  }
}

/** A state that an older version or other settings left has another shape: what it belongs to begins afresh. */
function restore({ whole, parts, sketch }: FeatureWatch, state: FeatureState | null): void {
  resetSketch(sketch)
  if (isDetectorState(whole, state?.whole)) restoreDetector(whole, state.whole)
  else resetDetector(whole)
  if (!parts) return
  for (const [name, { detector }] of parts.detector.segments) {
    resetSketch(parts.byName.get(name)!.sketch)
    const own = state?.segments?.[name]
    const fits = isDetectorState(detector, own?.detector)
    if (fits) restoreDetector(detector, own!.detector)
    else resetDetector(detector)
    parts.detector.evidence.set(name, fits ? own!.evidence : 0)
  }
}

export function featureState({ whole, parts }: FeatureWatch): FeatureState {
  return { whole: detectorState(whole), segments: parts ? segmentedState(parts.detector) : null }
}

/** Counts a row: `values` are its features and, last, its score. */
export function observeRow({ sketch, parts }: FeatureWatch, values: Float32Array, actor: string, source: string): void {
  observe(sketch, values)
  if (!parts) return
  const row = { features: values, actor, source }
  for (const part of parts.byName.values()) if (part.belongs(row)) observe(part.sketch, values)
}

/** Takes the rows counted since the last call as a block of evidence; an alarm forgets it all but not what is normal. */
export function playBlock(watch: FeatureWatch, stake: number, bucket: number): { readonly shown: Shown; readonly alarm: boolean } {
  const { whole, parts, sketch, threshold } = watch
  const reading = advanceDetector(whole, sketch, { stake, bucket })
  resetSketch(sketch)
  const own = reading.perStream.map(({ name, evidence }) => ({ stream: name, evidence }))
  const { family, streams } = parts ? withSegments(parts, own, reading.family, stake) : { family: reading.family, streams: own }
  const total = streams.reduce((sum, { evidence }) => sum + evidence, 0)
  const shown = {
    rows: reading.rows,
    evidence: family,
    threshold,
    streams: streams.sort((a, b) => b.evidence - a.evidence).map((one) => ({ ...one, share: total > 0 ? one.evidence / total : 0 })),
  }
  const alarm = family >= threshold
  if (alarm) {
    forgetEvidence(whole)
    if (parts) forgetSegments(parts.detector)
  }
  return { shown, alarm }
}

type Stream = { stream: string; evidence: number }

/**
 * All rows and the segments share the budget, half each. An alarm of either within t rows has probability at most in proportion to t, so the
 * greater of both, halved, keeps the budget that each keeps alone.
 */
function withSegments(parts: NonNullable<FeatureWatch['parts']>, own: Stream[], family: number, stake: number) {
  const reading = advanceSegments(parts.detector, new Map([...parts.byName].map(([name, { sketch }]) => [name, sketch])), stake)
  for (const { sketch } of parts.byName.values()) resetSketch(sketch)
  const ofSegments = Object.entries(reading.readings).flatMap(([segment, { perStream }]) =>
    perStream.map(({ name, evidence }) => ({ stream: `${segment}/${name}`, evidence })),
  )
  return { family: Math.max(family, reading.family) / 2, streams: [...own, ...ofSegments] }
}

/** Rows of the reference that a segment needs to be watched row by row; with fewer it is judged by windows only. */
const LEAST_REFERENCE_ROWS = 100

/** The references of a monitor’s segments, from the whole rows that the reference keeps; by actor or source there are none. */
export function segmentReferences(
  spec: MonitorSpec,
  names: readonly string[],
  rows: readonly { readonly features: ArrayLike<number>; readonly score: number }[],
): Segment[] {
  return spec.segments.flatMap((declared): Segment[] => {
    if (!declared.where.every((condition) => 'feature' in condition && names.includes(condition.feature))) return []
    const belongs = segmentTest(declared, names)
    const own = rows.filter(({ features }) => belongs({ features, actor: '', source: '' }))
    if (own.length < LEAST_REFERENCE_ROWS) return []
    const columns = [
      ...names.map((_, f) => Float32Array.from(own, ({ features }) => features[f]!)),
      Float32Array.from(own, ({ score }) => score),
    ]
    return [{ name: declared.name, profile: profileFrom([...names, 'score'], columns), weight: 1 }]
  })
}
