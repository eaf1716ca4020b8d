import type { DriftSignal } from '../../../contract/drift.ts'
import { poisonedLabelSources } from '../../../contract/quarantine.ts'
import type { Clock } from '../../../infra/clock.ts'
import { segmentPosition } from '../../../infra/segment-id.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { LabelledPair } from '../labels/index.ts'
import type { Segment } from '../telemetry/index.ts'
import type { createNote } from './detect.ts'
import { createFeatureWatches } from './feature-watch.ts'
import { watchOthers } from './other-detectors.ts'
import * as store from './store.ts'
import type { Opened, Targets } from './target.ts'
import { type LabelledRow, type Watched, watchErrors, watchFeatures } from './watching.ts'

type Deps = { sql: Sql; clock: Clock; documents: Documents; quarantine: QuarantineWindows }

/** Takes new predictions and new labels into every monitor that watches them; the same segment counts once for each signal. */
export function createConsumers(
  { sql, clock, documents, quarantine }: Deps,
  targets: Targets,
  { note, notice }: ReturnType<typeof createNote>,
) {
  const watches = createFeatureWatches()

  async function watch(
    document: Declared<'Monitor'>,
    segmentId: string,
    signal: DriftSignal,
    look: (opened: Opened) => Watched<unknown> | null,
  ): Promise<void> {
    const target = await targets.targetOf(document)
    await sql.transaction(async (tx) => {
      const opened = await targets.open(tx, document, target)
      if (!opened) return
      const position = segmentPosition(segmentId)
      const node = `${signal}/${position.node}`
      if ((opened.monitor.counted[node] ?? '') >= position.number) return
      const watched = look(opened)
      if (!watched) return
      const detection = await note(tx, opened, signal, watched.crossings)
      const others = watchOthers(
        document.spec.detectors,
        signal === 'features' ? 'score' : 'error',
        opened.monitor.others ?? {},
        watched.rows,
      )
      await notice(tx, opened, others.noticed)
      const state = {
        ...opened.monitor,
        others: others.after,
        [signal]: { ...watched.signal, detection: opened.monitor[signal].detection ?? detection },
        counted: { ...opened.monitor.counted, [node]: position.number },
      }
      await store.saveMonitor(tx, opened.project, opened.name, state as store.StoredMonitor, clock.now())
    })
  }

  return {
    async consumeSegment(segment: Segment): Promise<void> {
      if (segment.predictions.length === 0) return
      for (const document of await documents.all('Monitor')) {
        const batches = segment.predictions.filter((batch) => isWatchedBy(document, batch))
        if (batches.length > 0) await watch(document, segment.id, 'features', (opened) => watchFeatures(watches, opened, batches))
      }
    },
    async consumePairs(segmentId: string, pairs: readonly LabelledPair[]): Promise<void> {
      for (const document of await documents.all('Monitor')) {
        const own = pairs.filter((pair) => isWatchedBy(document, pair))
        if (own.length === 0) continue
        const poisoned = poisonedLabelSources(await quarantine.inForce(document.project, document.spec.deployment))
        const trusted = own.filter((pair) => !poisoned.has(pair.labelSource))
        await watch(document, segmentId, 'error', (opened) => {
          const { monitor, reference, threshold } = opened
          const rows = trusted
            .filter((pair) => pair.atMs >= monitor.resetAt)
            .flatMap((pair) => outcomeOf(pair, monitor.version!, threshold))
          return rows.length > 0 && reference.labelRows > 0 ? watchErrors(opened, rows) : null
        })
      }
    },
  }
}

function isWatchedBy({ project, spec }: Declared<'Monitor'>, rows: { readonly project: string; readonly deployment: string }): boolean {
  return rows.project === project && rows.deployment === spec.deployment
}

/** Whether the watched version was wrong on a labelled row; nothing when it did not score it. */
function outcomeOf(pair: LabelledPair, version: number, threshold: number): LabelledRow[] {
  const score = pair.version === version ? pair.score : pair.otherVersion === version ? pair.otherScore : Number.NaN
  const label = pair.label >= 0.5
  return Number.isNaN(score) ? [] : [{ atMs: pair.atMs, score, label, wrong: score >= threshold !== label }]
}
