import type { Clock } from '../../../infra/clock.ts'
import type { PredictionBatch, Segment, SegmentLabel } from '../telemetry/index.ts'
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

type Recent = { readonly prediction: StoredPrediction; isPaired: boolean }
type Waiting = { readonly label: SegmentLabel; readonly sinceMs: number; retryMs: number; pauseMs: number }
/** What the store knows about records that memory does not hold. */
type Found = { readonly predictions: ReadonlyMap<string, StoredPrediction>; readonly labelledBefore: ReadonlySet<string> }

/** Names hold no line break, so two deployments never share a key. */
const keyOf = (project: string, deployment: string, recordId: string) => `${project}\n${deployment}\n${recordId}`

export function createPairing(store: LabelStore, clock: Clock, limits: PairingLimits): Pairing {
  const recent = new Map<string, Recent>()
  const waiting = new Map<string, Waiting>()
  const oldestRecent = oldestOf(recent)
  const oldestWaiting = oldestOf(waiting)
  let isLoaded = false
  let givenUp = 0

  /** After a start: the labels that were waiting when the process ended. */
  async function load(segment: Segment) {
    if (isLoaded) return
    const sinceMs = clock.now() - limits.waitMs
    for (const label of await store.unmatchedLabels(sinceMs, segment.id, limits.waiting)) wait(label)
    isLoaded = true
  }

  function wait(label: SegmentLabel) {
    if (waiting.size >= limits.waiting) {
      waiting.delete(oldestWaiting())
      givenUp++
    }
    const nowMs = clock.now()
    waiting.set(keyOf(label.project, label.deployment, label.recordId), {
      label,
      sinceMs: nowMs,
      retryMs: nowMs + FIRST_RETRY_MS,
      pauseMs: FIRST_RETRY_MS,
    })
  }

  function remember(key: string, prediction: StoredPrediction, isPaired: boolean) {
    if (recent.has(key)) return
    if (recent.size >= limits.recent) recent.delete(oldestRecent())
    recent.set(key, { prediction, isPaired })
  }

  /** Waiting labels to look up now: their prediction may have been stored by another process. */
  function due(): SegmentLabel[] {
    const nowMs = clock.now()
    const labels: SegmentLabel[] = []
    for (const [key, entry] of waiting) {
      if (nowMs - entry.sinceMs > limits.waitMs) {
        waiting.delete(key)
        givenUp++
      } else if (nowMs >= entry.retryMs && labels.length < MAX_DUE) labels.push(entry.label)
    }
    return labels
  }

  function postpone(labels: readonly SegmentLabel[]) {
    for (const label of labels) {
      const entry = waiting.get(keyOf(label.project, label.deployment, label.recordId))
      if (entry === undefined) continue
      entry.pauseMs *= RETRY_GROWTH
      entry.retryMs = clock.now() + entry.pauseMs
    }
  }

  /** Matches without asking anybody, so that it either happens whole or not at all. */
  function match(segment: Segment, found: Found, retried: readonly SegmentLabel[]): LabelledPair[] {
    const pairs: LabelledPair[] = []
    for (const batch of segment.predictions) {
      for (let row = 0; row < batch.rows; row++) {
        const key = keyOf(batch.project, batch.deployment, batch.recordIds[row]!)
        const early = waiting.get(key)
        const prediction = predictionFrom(batch, row)
        if (early !== undefined && !recent.has(key)) {
          waiting.delete(key)
          pairs.push(pairFrom(prediction, early.label))
        }
        remember(key, prediction, early !== undefined)
      }
    }
    for (const label of retried) {
      const key = keyOf(label.project, label.deployment, label.recordId)
      const prediction = found.predictions.get(key)
      if (prediction === undefined || !waiting.delete(key)) continue
      pairs.push(pairFrom(prediction, label))
      remember(key, prediction, true)
    }
    for (const label of segment.labels) {
      const key = keyOf(label.project, label.deployment, label.recordId)
      const known = recent.get(key)
      const prediction = known?.prediction ?? found.predictions.get(key)
      if (known?.isPaired === true || waiting.has(key) || (known === undefined && found.labelledBefore.has(key))) continue
      if (prediction === undefined) {
        wait(label)
        continue
      }
      pairs.push(pairFrom(prediction, label))
      if (known === undefined) remember(key, prediction, true)
      else known.isPaired = true
    }
    return pairs
  }

  return {
    async pairsOf(segment) {
      await load(segment)
      const own = new Set(segment.predictions.flatMap((batch) => batch.recordIds.map((id) => keyOf(batch.project, batch.deployment, id))))
      const unknown = segment.labels.filter((label) => {
        const key = keyOf(label.project, label.deployment, label.recordId)
        return !recent.has(key) && !own.has(key) && !waiting.has(key)
      })
      const retried = due()
      const found = await lookUp(store, segment.id, unknown, retried)
      const pairs = match(segment, found, retried)
      postpone(retried)
      return pairs
    },
    health: () => ({ waiting: waiting.size, givenUp }),
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

function predictionFrom(batch: PredictionBatch, row: number): StoredPrediction {
  return {
    model: batch.model,
    version: batch.version,
    role: batch.role,
    recordId: batch.recordIds[row]!,
    atMs: batch.atMs[row]!,
    actor: batch.actors[row]!,
    source: batch.sources[row]!,
    score: batch.scores[row]!,
    prediction: batch.predictions[row]!,
    otherVersion: batch.otherVersions[row]!,
    otherScore: batch.otherScores[row]!,
  }
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
