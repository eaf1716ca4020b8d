import { createHash } from 'node:crypto'
import type { MonitorSpec } from '../../../contract/drift.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Profile } from '../../../lib/drift/profile/profile.ts'
import { countsOf, createSketch, observe, type Sketch } from '../../../lib/drift/profile/sketch.ts'
import type { SeasonBucket } from '../../../lib/drift/streaming/regions.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { AuditedTable, Ledger } from '../../govern/ledger/index.ts'
import type { SampledRow, Telemetry } from '../telemetry/index.ts'
import type { Drift } from './drift.ts'
import * as store from './store.ts'
import { scoreBy } from './tables.ts'
import type { Targets } from './target.ts'

type Deps = {
  sql: Sql
  clock: Clock
  bus: Bus
  ledger: Ledger
  documents: Documents
  telemetry: Pick<Telemetry, 'sampleRows'>
}
export type Season = MonitorSpec['season']

export const seasonsTable: AuditedTable = { table: 'season_profiles', key: ['project', 'model', 'version', 'season'] }

const HOUR_MS = 3_600_000
/** Rows read of each hour, chosen by chance. */
const ROWS_AN_HOUR = 5_000
const MOST_HOURS = 24 * 7 * 60
/** With fewer rows in some hour its intervals are so wide that nothing in it could ever be seen. */
const LEAST_BUCKET_ROWS = 200

/** How many parts a season has, each with a reference of its own. */
const bucketsIn: Readonly<Record<Season, number>> = { none: 1, hour_of_day: 24, hour_of_week: 168 }

/** The part of a season that a moment falls in, in UTC; a week begins on Thursday, as the epoch did. */
export function bucketAt(season: Season, atMs: number): number {
  return Math.floor(atMs / HOUR_MS) % bucketsIn[season]
}

/** Freezes how each hour looked, over the bins of the champion’s reference, from traffic that somebody says was right. */
export function createSeasons({ sql, clock, bus, ledger, documents, telemetry }: Deps, targets: Targets): Pick<Drift, 'freezeSeason'> {
  return {
    async freezeSeason({ monitor, fromMs, toMs, reason }, caller) {
      const document = await documents.need('Monitor', caller.project, monitor)
      const { season, deployment } = document.spec
      if (season === 'none')
        throw new AppError('conflict', `Monitor ${monitor} has no season; set spec.season to hour_of_day or hour_of_week first`)
      const first = Math.ceil(fromMs / HOUR_MS) * HOUR_MS
      const hours = Math.floor((toMs - first) / HOUR_MS)
      if (hours < bucketsIn[season] || hours > MOST_HOURS)
        throw new AppError(
          'invalid',
          `a season of ${bucketsIn[season]} hours is frozen from ${bucketsIn[season]} to ${MOST_HOURS} whole hours, not ${Math.max(0, hours)}`,
        )
      const target = await targets.targetOf(document)
      const opened = await targets.look(document)
      if (!target || !opened)
        throw new AppError('conflict', `Monitor ${monitor} has no frozen reference yet; register the champion with reference rows`)
      const { profile } = opened.reference
      const sketches = Array.from({ length: bucketsIn[season] }, () => createSketch(profile))
      for (let hour = 0; hour < hours; hour++) {
        const start = first + hour * HOUR_MS
        const rows = await telemetry.sampleRows({
          project: caller.project,
          deployment,
          fromMs: start,
          toMs: start + HOUR_MS,
          limit: ROWS_AN_HOUR,
        })
        countRows(sketches[bucketAt(season, start)]!, profile, rows, target.champion.version)
      }
      const least = sketches.reduce((least, sketch) => Math.min(least, sketch.rows), Number.POSITIVE_INFINITY)
      if (least < LEAST_BUCKET_ROWS)
        throw new AppError(
          'conflict',
          `some hour of the ${season.replaceAll('_', ' ')} has ${least} rows; at least ${LEAST_BUCKET_ROWS} are needed in each, so take a longer stretch`,
        )
      const buckets = JSON.stringify(sketches.map(bucketOf))
      const digest = createHash('sha256').update(buckets).digest('hex')
      const total = sketches.reduce((sum, sketch) => sum + sketch.rows, 0)
      const { model, version } = target.champion
      await sql.transaction(async (tx) => {
        await store.saveSeason(tx, {
          project: caller.project,
          model,
          version,
          season,
          digest,
          row_count: total,
          buckets,
          frozen_at: clock.now(),
        })
        await ledger.seal(tx, {
          caller,
          reason,
          operation: 'drift.freezeSeason',
          table: seasonsTable,
          key: [caller.project, model, version, season],
        })
        await bus.publish(tx, {
          name: 'drift.season_frozen',
          project: caller.project,
          subject: monitor,
          data: { monitor, deployment, season, rows: total },
        })
      })
      await targets.reset(caller.project, monitor)
      return { monitor, season, rows: total, buckets: bucketsIn[season], leastRows: least, digest }
    },
  }
}

function countRows(sketch: Sketch, profile: Profile, rows: readonly SampledRow[], version: number): void {
  const width = profile.features.length
  const values = new Float32Array(width)
  for (const row of rows) {
    if (row.features.length !== width - 1) continue
    values.set(row.features)
    values[width - 1] = scoreBy(row, version)
    observe(sketch, values)
  }
}

function bucketOf(sketch: Sketch): SeasonBucket {
  const features = sketch.profile.features.map((_, f) => {
    const { bins, missing } = countsOf(sketch, f)
    return { expected: bins.map((count) => count / sketch.rows), missing: missing / sketch.rows }
  })
  return { sampleSize: sketch.rows, features }
}
