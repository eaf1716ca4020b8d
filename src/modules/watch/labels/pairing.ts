import type { Clock } from '../../../infra/clock.ts'
import type { Segment, SegmentLabel } from '../telemetry/index.ts'
import {
  columnsOf,
  columnsOfStored,
  createRecentPredictions,
  deploymentOf,
  predictionFrom,
  type RecentPredictions,
} from './recent-predictions.ts'
import type { LabelStore, StoredPrediction } from './store.ts'

/** A prediction and the first label that came for it. */
export type LabelledPair = StoredPrediction & {
  readonly project: string
  readonly deployment: string
  readonly label: number
  readonly labelSource: string
  readonly observedAtMs: number
  readonly receivedAtMs: number
}

export type PairingHealth = {
  /** Labels whose prediction has not been seen yet. */
  readonly waiting: number
  /** Labels given up: their prediction did not come in time, or too many were waiting. */
  readonly givenUp: number
}

export type Pairing = {
  /**
   * The pairs that become complete with `segment`: a first label in it for a prediction seen so far, or a prediction in
   * it whose label came before. Asks the store for what memory does not hold. Throws what the store throws, having
   * changed nothing.
   */
  pairsOf(segment: Segment): Promise<LabelledPair[]>
  health(): PairingHealth
}

export type PairingLimits = {
  /** Predictions kept in memory; a label for an older one costs a look into the store. */
  readonly recent: number
  /** Labels that may wait for their prediction, and how long. */
  readonly waiting: number
  readonly waitMs: number
}

export const defaultPairingLimits: PairingLimits = { recent: 100_000, waiting: 50_000, waitMs: 600_000 }

const FIRST_RETRY_MS = 1_000
const RETRY_GROWTH = 4
/** Waiting labels looked up per segment. */
const MAX_DUE = 2_000

type WaitingLabel = { readonly label: SegmentLabel; readonly sinceMs: number; retryMs: number; pauseMs: number }
/** What the store knows about records that memory does not hold. */
type Found = { readonly predictions: ReadonlyMap<string, StoredPrediction>; readonly labelledBefore: ReadonlySet<string> }

/** Names hold no line break, so two deployments never share a key. */
const keyOf = (project: string, deployment: string, recordId: string) => `${project}\n${deployment}\n${recordId}`

const keyOfLabel = ({ project, deployment, recordId }: SegmentLabel) => keyOf(project, deployment, recordId)

export function createPairing(store: LabelStore, clock: Clock, limits: PairingLimits): Pairing {
  const recent = createRecentPredictions(limits.recent)
  const waiting = createWaiting(clock, limits)
  let isLoaded = false

  /** After a start: the labels that were waiting when the process ended. */
  async function load(segment: Segment) {
    if (isLoaded) return
    const sinceMs = clock.now() - limits.waitMs
    for (const label of await store.unmatchedLabels(sinceMs, segment.id, limits.waiting)) waiting.add(label)
    isLoaded = true
  }

  return {
    async pairsOf(segment) {
      await load(segment)
      if (segment.labels.length > 0) await recent.index()
      const unknown = unknownLabels(segment, recent, waiting)
      const retried = waiting.due()
      const found = await lookUp(store, segment.id, unknown, retried)
      // From here on nobody is asked, so that the segment is matched whole or not at all.
      const pairs = [
        ...pairsOfPredictions(segment, recent, waiting),
        ...pairsOfRetried(retried, found, recent, waiting),
        ...pairsOfLabels(segment, found, recent, waiting),
      ]
      waiting.postpone(retried)
      return pairs
    },
    health: () => ({ waiting: waiting.size(), givenUp: waiting.givenUp() }),
  }
}

/** Labels whose prediction neither memory nor the segment itself holds. */
function unknownLabels({ predictions, labels }: Segment, recent: RecentPredictions, waiting: WaitingLabels): SegmentLabel[] {
  if (labels.length === 0) return []
  const own = new Set(predictions.flatMap((batch) => batch.recordIds.map((id) => keyOf(batch.project, batch.deployment, id))))
  return labels.filter((label) => {
    const key = keyOfLabel(label)
    return !recent.find(deploymentOf(label), label.recordId) && !own.has(key) && !waiting.has(key)
  })
}

/** Predictions whose label came before them. */
function pairsOfPredictions(segment: Segment, recent: RecentPredictions, waiting: WaitingLabels): LabelledPair[] {
  const pairs: LabelledPair[] = []
  for (const batch of segment.predictions) {
    const columns = columnsOf(batch)
    for (let row = 0; row < batch.rows; row++) {
      const early = waiting.size() === 0 ? undefined : waiting.take(keyOf(batch.project, batch.deployment, batch.recordIds[row]!))
      if (early !== undefined) pairs.push(pairFrom(predictionFrom(columns, row), early))
      recent.add(columns, row, early !== undefined)
    }
  }
  return pairs
}

/** Waiting labels whose prediction is in the store by now. */
function pairsOfRetried(retried: readonly SegmentLabel[], found: Found, recent: RecentPredictions, waiting: WaitingLabels): LabelledPair[] {
  const pairs: LabelledPair[] = []
  for (const label of retried) {
    const key = keyOfLabel(label)
    const prediction = found.predictions.get(key)
    if (prediction === undefined || waiting.take(key) === undefined) continue
    pairs.push(pairFrom(prediction, label))
    recent.add(columnsOfStored(label.project, label.deployment, prediction), 0, true)
  }
  return pairs
}

/** First labels whose prediction came before them; those without one begin to wait. */
function pairsOfLabels(segment: Segment, found: Found, recent: RecentPredictions, waiting: WaitingLabels): LabelledPair[] {
  const pairs: LabelledPair[] = []
  for (const label of segment.labels) {
    const key = keyOfLabel(label)
    const deployment = deploymentOf(label)
    const known = recent.find(deployment, label.recordId)
    const isFirst = known === undefined ? !found.labelledBefore.has(key) && !waiting.has(key) : !known.isPaired
    if (!isFirst) continue
    const prediction = known?.prediction() ?? found.predictions.get(key)
    if (prediction === undefined) {
      waiting.add(label)
      continue
    }
    pairs.push(pairFrom(prediction, label))
    if (known === undefined) recent.add(columnsOfStored(label.project, label.deployment, prediction), 0, true)
    else known.pair()
  }
  return pairs
}

type WaitingLabels = ReturnType<typeof createWaiting>

/** First labels whose prediction has not been seen. */
function createWaiting(clock: Clock, limits: PairingLimits) {
  const entries = new Map<string, WaitingLabel>()
  const oldest = oldestOf(entries)
  let givenUp = 0

  function giveUp(key: string) {
    entries.delete(key)
    givenUp++
  }

  return {
    size: () => entries.size,
    givenUp: () => givenUp,
    has: (key: string) => entries.has(key),
    take(key: string): SegmentLabel | undefined {
      const entry = entries.get(key)
      entries.delete(key)
      return entry?.label
    },
    add(label: SegmentLabel) {
      if (entries.size >= limits.waiting) giveUp(oldest())
      const nowMs = clock.now()
      entries.set(keyOfLabel(label), { label, sinceMs: nowMs, retryMs: nowMs + FIRST_RETRY_MS, pauseMs: FIRST_RETRY_MS })
    },
    /** Those to look up now: their prediction may have been stored by another process. What waited too long is given up. */
    due(): SegmentLabel[] {
      const nowMs = clock.now()
      const labels: SegmentLabel[] = []
      for (const [key, entry] of entries) {
        if (nowMs - entry.sinceMs > limits.waitMs) giveUp(key)
        else if (nowMs >= entry.retryMs && labels.length < MAX_DUE) labels.push(entry.label)
      }
      return labels
    },
    postpone(labels: readonly SegmentLabel[]) {
      for (const label of labels) {
        const entry = entries.get(keyOfLabel(label))
        if (entry === undefined) continue
        entry.pauseMs *= RETRY_GROWTH
        entry.retryMs = clock.now() + entry.pauseMs
      }
    },
  }
}

/**
 * Gives the keys of a map from the oldest on. One iterator serves all calls: it remembers its place, where a new one
 * would walk over every entry deleted so far.
 */
function oldestOf(map: ReadonlyMap<string, unknown>): () => string {
  let keys = map.keys()
  return () => {
    const next = keys.next()
    if (next.done !== true) return next.value
    keys = map.keys()
    return keys.next().value!
  }
}

async function lookUp(
  store: LabelStore,
  segmentId: string,
  unknown: readonly SegmentLabel[],
  retried: readonly SegmentLabel[],
): Promise<Found> {
  const predictions = new Map<string, StoredPrediction>()
  const labelledBefore = new Set<string>()
  for (const { project, deployment, ids } of byDeployment([...unknown, ...retried])) {
    for (const prediction of await store.predictionsOf(project, deployment, ids)) {
      predictions.set(keyOf(project, deployment, prediction.recordId), prediction)
    }
  }
  for (const { project, deployment, ids } of byDeployment(unknown)) {
    for (const id of await store.labelledBefore(project, deployment, ids, segmentId)) labelledBefore.add(keyOf(project, deployment, id))
  }
  return { predictions, labelledBefore }
}

function byDeployment(labels: readonly SegmentLabel[]): { project: string; deployment: string; ids: string[] }[] {
  const groups = Object.groupBy(labels, ({ project, deployment }) => keyOf(project, deployment, ''))
  return Object.values(groups).map((group) => {
    const { project, deployment } = group![0]!
    return { project, deployment, ids: [...new Set(group!.map((label) => label.recordId))] }
  })
}

function pairFrom(prediction: StoredPrediction, label: SegmentLabel): LabelledPair {
  return {
    ...prediction,
    project: label.project,
    deployment: label.deployment,
    label: label.label,
    labelSource: label.source,
    observedAtMs: label.observedAtMs,
    receivedAtMs: label.receivedAtMs,
  }
}
