import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Estimate, estimates } from '../../../contract/estimates.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { percentText } from '../../../lib/drift/estimation/abstention.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import { createCalibration } from './calibration.ts'
import { createJudge } from './judge.ts'
import { createEstimatorReader, createFreeze, type KeptReference, type ReferenceSample } from './reference.ts'
import { realisedError, standingOf } from './standing.ts'
import * as store from './store.ts'
import { createWindows, stretchFrom, windowMsOf } from './windows.ts'

export type Estimates = Verbs<typeof estimates> & {
  /** Fits what estimates of a version rest on, from labelled rows and the version’s scores of them. Once only: a second call changes nothing. */
  freezeReference(sample: ReferenceSample): Promise<void>
  hasReference(project: string, model: string, version: number): Promise<boolean>
  /** The labelled rows, with scores, that were kept of a version. */
  referenceRows(project: string, model: string, version: number): Promise<KeptReference | undefined>
  /** Whether the newest window says that quality has dropped, without waiting for labels; false where nothing recent was estimated. */
  hasDropped(project: string, monitor: string): Promise<boolean>
  /** Begins to estimate the windows of monitors. */
  start(): Promise<void>
}

type Deps = {
  sql: Sql
  blobs: Blobs
  jobs: Jobs
  clock: Clock
  ledger: Ledger
  bus: Bus
  calculations: Calculations
  documents: Documents
  registry: Pick<Registry, 'champion'>
  telemetry: Pick<Telemetry, 'sampleRows' | 'seriesTraffic' | 'moveUntil'>
}

/** The newest estimate counts as news for so many windows. */
const RECENT_WINDOWS = 4
const MOST_LOOKED_AT = 200

export function createEstimates(deps: Deps): Estimates {
  const { sql, clock, documents } = deps
  const readerOf = createEstimatorReader(deps)
  const judge = createJudge({ ...deps, readerOf })
  const windows = createWindows(deps, judge)

  return {
    start: windows.start,
    freezeReference: createFreeze(deps),
    referenceRows: readerOf,
    hasReference: async (project, model, version) => (await store.findEstimator(sql, project, model, version)) !== undefined,
    async hasDropped(project, name) {
      const monitor = await documents.find('Monitor', project, name)
      if (!monitor) return false
      const recent = await store.newestWindows(sql, project, name, RECENT_WINDOWS)
      const newest = recent.find(({ estimate }) => estimate.abstained === null)?.estimate
      // A window after the last that ended may not be estimated yet.
      return newest?.dropped === true && newest.toMs > clock.now() - (RECENT_WINDOWS + 1) * windowMsOf(monitor)
    },
    async listEstimates({ monitor, limit }, caller) {
      await documents.need('Monitor', caller.project, monitor)
      const stored = await store.newestWindows(sql, caller.project, monitor, Math.max(limit, MOST_LOOKED_AT))
      return withSuspicions(stored).slice(0, limit)
    },
    async estimateWindow({ monitor, fromMs, toMs = clock.now() }, caller) {
      const document = await documents.need('Monitor', caller.project, monitor)
      const stretch = stretchFrom(document, fromMs, toMs)
      if (stretch.fromMs >= toMs)
        throw new AppError('invalid', `the window ends at ${toMs}, before it begins at ${stretch.fromMs}; give fromMs below toMs`)
      return (await judge.judge(document, await judge.targetOf(document), stretch)).estimate
    },
    calibration: createCalibration(deps, judge),
  }
}

/** What labels say against estimates belongs to every window from then on, until they agree again. */
function withSuspicions(stored: readonly store.StoredWindow[]): Estimate[] {
  const since = new Map<number, number>()
  for (const [, own] of Map.groupBy([...stored].reverse(), ({ estimate }) => estimate.modelVersion))
    for (const [i, suspicion] of standingOf(own).suspicions.entries()) if (suspicion !== null) since.set(own[i]!.estimate.fromMs, suspicion)
  return stored.map(({ estimate, expectedError }) => {
    const sinceMs = since.get(estimate.fromMs)
    if (sinceMs === undefined) return estimate
    const realised = realisedError(estimate)
    const text = estimate.method === 'dle' ? (value: number) => String(Number(value.toPrecision(4))) : percentText
    const own =
      realised === undefined || expectedError === null
        ? ''
        : `: an error of ${text(realised)} where ${text(expectedError.value)} was expected`
    const suspicion = `labels since ${new Date(sinceMs).toISOString()} contradict the estimates${own}; what is true may have changed`
    return { ...estimate, suspicion }
  })
}
