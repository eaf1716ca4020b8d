import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { batch } from '../../../contract/batch.ts'
import type { Output } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import { extract, layoutOf } from './sources.ts'
import { type Scoring, type StartDeps, versionOf } from './start.ts'
import { createPool } from './threads/pool.ts'

/** Of what is no Parquet file so many rows are read at most. */
const MOST_SCANNED = 20_000

/** Scores rows spread evenly over the first file, or over the first 20,000 rows, of a partition. What it needs lies in a folder that goes with it. */
export async function previewRows(deps: StartDeps, scoring: Scoring, ds: string, rows: number): Promise<Output<typeof batch.preview>> {
  const { project, spec } = scoring
  const version = await versionOf(deps, scoring)
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'setpoint-preview-'))
  const pool = createPool(1)
  try {
    const lookups = await Promise.all(spec.source.lookups.map(({ digest }) => deps.blobs.path(digest)))
    const layouts = layoutOf(spec, version.features, lookups)
    const { files } = await extract(deps, spec, layouts, { project, ds, folder, mostRows: MOST_SCANNED, pool })
    const first = files.find((file) => file.rows > 0)
    if (!first) throw new AppError('unavailable', `the partition ${ds} has no rows`)
    const model = { file: await deps.blobs.path(version.digest), features: version.features, processing: version.processing }
    const threshold = thresholdOf(version.processing, spec.threshold)
    const found = await pool.run('preview', { file: first.file, rows, layout: layouts.layout, model })
    return {
      model: version.model,
      version: version.version,
      scanned: found.scanned,
      rows: found.rows.map(({ key, features, score, problem }) => ({
        key,
        features: Object.fromEntries(version.features.map((name, i) => [name, features[i] ?? null])),
        score,
        prediction: score === null ? null : score >= threshold ? 1 : 0,
        problem,
      })),
    }
  } finally {
    await pool.close()
    await fs.rm(folder, { recursive: true, force: true })
  }
}
