import type { Profile } from '../profile/profile.ts'
import type { Sketch } from '../profile/sketch.ts'
import {
  advanceDetector,
  createDetector,
  type Detector,
  type DetectorOptions,
  type DetectorReading,
  type DetectorState,
  detectorState,
  forgetEvidence,
} from './feature-detector.ts'

/** A part of the rows, such as one country, with a reference of its own and its share of the evidence. */
export type Segment = { readonly name: string; readonly profile: Profile; readonly weight: number }

export type SegmentedOptions = Omit<DetectorOptions, 'profile' | 'season'> & { readonly segments: readonly Segment[] }

/** Watches every feature of every segment; mutable, made by `createSegmentedDetector`. */
export type SegmentedDetector = {
  readonly threshold: number
  readonly segments: ReadonlyMap<string, { readonly detector: Detector; readonly weight: number }>
  /** The last evidence of each segment. */
  readonly evidence: Map<string, number>
}

export type SegmentedState = Readonly<Record<string, { readonly detector: DetectorState; readonly evidence: number }>>

export type SegmentedReading = {
  /** The greatest of the segments' evidence, each times its weight; an alarm when it reaches `threshold`. */
  readonly family: number
  readonly threshold: number
  readonly alarm: boolean
  readonly perSegment: readonly { readonly name: string; readonly evidence: number; readonly share: number }[]
  /** The features of the segments that this block had rows of. */
  readonly readings: Readonly<Record<string, DetectorReading>>
}

/**
 * One family over all (segment, feature) streams: the budget counts the rows of all segments together. The weights are scaled
 * to sum to 1. Throws RangeError for no segments, a name given twice, a weight that is not positive, and as `createDetector`
 * does. The error of the references is shared between the segments.
 */
export function createSegmentedDetector(options: SegmentedOptions, state?: SegmentedState): SegmentedDetector {
  const { segments, referenceError = 0.05, ...rest } = options
  if (segments.length === 0) throw new RangeError('a segmented detector needs at least one segment')
  const odd = segments.find(({ weight }) => !(weight > 0 && weight < Number.POSITIVE_INFINITY))
  if (odd) throw new RangeError(`the weight of ${odd.name} must be positive, not ${odd.weight}`)
  const total = segments.reduce((sum, { weight }) => sum + weight, 0)
  const watched = new Map(
    segments.map(({ name, profile, weight }) => {
      const detector = createDetector({ ...rest, profile, referenceError: referenceError / segments.length }, state?.[name]?.detector)
      return [name, { detector, weight: weight / total }]
    }),
  )
  if (watched.size < segments.length) throw new RangeError('two segments have the same name')
  const evidence = new Map(segments.map(({ name }) => [name, state?.[name]?.evidence ?? 0]))
  return { threshold: options.falseAlarmEveryRows / (1 - referenceError), segments: watched, evidence }
}

/**
 * Adds a block of rows, counted by segment. On each segment with rows in it is staked what the whole block counts, so that a
 * rare segment is not watched with less; a segment without rows keeps its evidence. Throws RangeError for a segment that
 * there is not.
 */
export function advanceSegments(detector: SegmentedDetector, blocks: ReadonlyMap<string, Sketch>, stake?: number): SegmentedReading {
  const rows = [...blocks.values()].reduce((sum, block) => sum + block.rows, 0)
  const readings: Record<string, DetectorReading> = {}
  for (const [name, block] of blocks) {
    const segment = detector.segments.get(name)
    if (!segment) throw new RangeError(`there is no segment ${name}; there are ${[...detector.segments.keys()].join(', ')}`)
    if (block.rows === 0) continue
    const reading = advanceDetector(segment.detector, block, { stake: stake ?? rows })
    readings[name] = reading
    detector.evidence.set(name, reading.family)
  }
  const weighted = [...detector.segments].map(([name, { weight }]) => ({ name, evidence: weight * detector.evidence.get(name)! }))
  const sum = weighted.reduce((total, { evidence }) => total + evidence, 0)
  const family = Math.max(...weighted.map(({ evidence }) => evidence))
  return {
    family,
    threshold: detector.threshold,
    alarm: family >= detector.threshold,
    perSegment: weighted.map(({ name, evidence }) => ({
      name,
      evidence: detector.evidence.get(name)!,
      share: sum > 0 ? evidence / sum : 0,
    })),
    readings,
  }
}

/** Forgets all evidence, as after an alarm, but not what counts as normal. */
export function forgetSegments(detector: SegmentedDetector): void {
  for (const [name, { detector: own }] of detector.segments) {
    forgetEvidence(own)
    detector.evidence.set(name, 0)
  }
}

export function segmentedState({ segments, evidence }: SegmentedDetector): SegmentedState {
  return Object.fromEntries(
    [...segments].map(([name, { detector }]) => [name, { detector: detectorState(detector), evidence: evidence.get(name)! }]),
  )
}
