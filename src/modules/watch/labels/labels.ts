import type { Verbs } from '../../../contract/endpoint.ts'
import type { LabelSource, labels } from '../../../contract/labels.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Columns } from '../../../infra/columns/columns.ts'
import { createPrune } from '../../../infra/columns/retention.ts'
import type { Log } from '../../../infra/log.ts'
import type { SegmentConsumer, Telemetry } from '../telemetry/index.ts'
import { createPairing, defaultPairingLimits, type LabelledPair, type PairingHealth, type PairingLimits } from './pairing.ts'
import { createLabelStore, type NewLabels, type QualityCounts, type SourceCounts } from './store.ts'

export type LabelsDeps = {
  readonly columns: Columns
  readonly telemetry: Pick<Telemetry, 'recordLabels'>
  readonly clock: Clock
  readonly log: Log
  /**
   * Gets the pairs that became complete with a segment, each record once, its first label. After a crash the same
   * segment may come again, so whoever counts must know a segment by its id.
   */
  readonly onPairs: (segmentId: string, pairs: readonly LabelledPair[]) => Promise<void> | void
  /** How long labels are kept. */
  readonly retentionDays?: number
  readonly limits?: Partial<PairingLimits>
}

export type Labels = Verbs<typeof labels> &
  SegmentConsumer & {
    health(): PairingHealth
    /** How many records of a deployment got a label since a moment, at most `most`; labels of sources not to be believed are left out. */
    countNew(wanted: NewLabels): Promise<number>
  }

const RETENTION_DAYS = 30

export function createLabels(deps: LabelsDeps): Labels {
  const { columns, telemetry, clock } = deps
  const store = createLabelStore(columns)
  return {
    ...createConsumer(deps),

    async recordLabels({ deployment, labels }, caller) {
      const receivedAtMs = clock.now()
      await telemetry.recordLabels(
        caller.project,
        deployment,
        labels.map(({ recordId, label, source, observedAt = receivedAtMs }) => ({
          recordId,
          label,
          source,
          observedAtMs: observedAt,
          receivedAtMs,
        })),
      )
      return { accepted: labels.length }
    },

    countNew: store.countNew,

    async measureQuality({ deployment, windowMs, positive }, caller) {
      const toMs = clock.now() + 1
      const window = { project: caller.project, deployment, fromMs: Math.max(0, toMs - windowMs), toMs }
      const [counts, confusion, unmatched, delay] = await Promise.all([
        store.quality(window, positive),
        store.confusion(window),
        store.countUnmatched(window),
        store.labelDelay(window),
      ])
      const total = counts.find((row) => row.is_total === 1) ?? nothing
      return {
        deployment,
        windowMs,
        predictions: total.predictions,
        ...qualityFrom(total),
        coverage: ratio(total.labelled, total.predictions),
        unmatched,
        labelDelayMs: delay === undefined ? null : { p50: delay[0], p95: delay[1] },
        confusion,
        versions: counts
          .filter((row) => row.is_total === 0)
          .map((row) => ({ version: row.version, predictions: row.predictions, ...qualityFrom(row) })),
      }
    },

    async listLabelSources({ deployment, windowMs }, caller) {
      const toMs = clock.now() + 1
      const rows = await store.sources({ project: caller.project, deployment, fromMs: Math.max(0, toMs - windowMs), toMs })
      return { sources: rows.map(sourceFrom) }
    },
  }
}

/** Stores the labels of each segment and hands on the pairs they complete. */
function createConsumer({
  columns,
  clock,
  log,
  onPairs,
  retentionDays = RETENTION_DAYS,
  limits,
}: LabelsDeps): SegmentConsumer & { health(): PairingHealth } {
  const store = createLabelStore(columns)
  const pairing = createPairing(store, clock, { ...defaultPairingLimits, ...limits })
  let matched: { readonly id: string; readonly pairs: readonly LabelledPair[] } | undefined
  const prune = createPrune({ columns, clock, log, table: 'labels', retentionDays })

  return {
    name: 'labels',
    async consume(segment) {
      // Matching changes what is remembered, so a segment whose pairs were not taken is handed on again, not matched again.
      if (matched?.id !== segment.id) {
        await store.insert(segment)
        matched = { id: segment.id, pairs: await pairing.pairsOf(segment) }
      }
      if (matched.pairs.length > 0) await onPairs(segment.id, matched.pairs)
      await prune()
    },
    health: pairing.health,
  }
}

const nothing: QualityCounts = {
  is_total: 1,
  version: 0,
  predictions: 0,
  labelled: 0,
  errors: 0,
  true_positives: 0,
  false_positives: 0,
  false_negatives: 0,
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

/** Precision, recall and their harmonic mean F1 = 2 TP / (2 TP + FP + FN). */
function qualityFrom(counts: QualityCounts) {
  const { true_positives: tp, false_positives: fp, false_negatives: fn } = counts
  return {
    labelled: counts.labelled,
    errorRate: ratio(counts.errors, counts.labelled),
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
    f1: ratio(2 * tp, 2 * tp + fp + fn),
  }
}

function sourceFrom(row: SourceCounts): LabelSource {
  return {
    source: row.source,
    labels: row.labels,
    records: row.records,
    modelDisagreement: ratio(row.model_errors, row.predicted),
    sourceDisagreement: ratio(row.disputed, row.shared),
  }
}
