import { parentPort, workerData } from 'node:worker_threads'
import type { MonitorEmbedding } from '../../../../contract/drift.ts'
import type { TableProfile } from '../../../../lib/drift/profile/table-profile.ts'
import { type ComparisonPlan, compareProfiles } from '../../../../lib/drift/report/compare-profiles.ts'
import { compareSegments, type SegmentedRows } from '../../../../lib/drift/report/segments.ts'

/** What a window is held against, and the rows of its segments where any are declared. */
export type ReportTask = {
  readonly reference: TableProfile
  readonly current: TableProfile
  readonly plan: Omit<ComparisonPlan, 'embeddings' | 'segment' | 'segments'>
  readonly embeddings: readonly MonitorEmbedding[]
  readonly segments: SegmentedRows | undefined
}

const { reference, current, plan, embeddings, segments } = workerData as ReportTask
const choices = embeddings.map(({ name, features }) => {
  const own = new Set(features)
  return { name, matches: (column: string) => own.has(column) }
})
const judged = segments ? compareSegments(segments) : []
parentPort!.postMessage(compareProfiles(reference, current, { ...plan, embeddings: choices, segment: undefined, segments: judged }))
