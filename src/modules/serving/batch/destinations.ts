import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import type { BatchDestination } from '../../../contract/batch.ts'
import type { Columns } from '../../../infra/columns/columns.ts'
import { type SourceDeps, warehouseOf, withDay } from './sources.ts'
import type { OutputForm, Stamp } from './threads/messages.ts'
import type { Pool } from './threads/pool.ts'

export type Target = {
  readonly project: string
  readonly batch: string
  readonly ds: string
  readonly run: string
  readonly keyName: string
  readonly stamp: Stamp
}
/** Predictions that are written but that no reader sees yet. */
export type Staged = {
  readonly digest: string
  readonly location: string
  /** Where the dead letters of the partition lie beside the predictions. */
  readonly deadLetters: string
  /** Shows them to readers in place of those before, at once. May be repeated. */
  publish(): Promise<void>
  /** Removes them; what readers see stays. */
  discard(): Promise<void>
}

const ROWS_PER_BLOCK = 8_192
const DAY_MS = 86_400_000

export const formOf = (destination: BatchDestination): OutputForm => (destination.kind === 'csv' ? 'csv' : 'parquet')

/** Writes the parts, in their order, to where they can be published from. */
export async function stage(
  deps: SourceDeps,
  destination: BatchDestination,
  parts: readonly string[],
  target: Target,
  pool: Pool,
): Promise<Staged> {
  switch (destination.kind) {
    case 'csv':
    case 'parquet':
      return await stageFile(deps, destination, parts, target, pool)
    case 'sql':
      return await stageTable(deps, destination, parts, target, pool)
    case 'columns':
      return await stageColumns(deps, parts, target, pool)
  }
}

async function stageFile(
  deps: SourceDeps,
  { kind, path: given }: Extract<BatchDestination, { path: string }>,
  parts: readonly string[],
  target: Target,
  pool: Pool,
): Promise<Staged> {
  const file = await deps.paths.resolve(target.project, withDay(given, target.ds))
  await fs.mkdir(path.dirname(file), { recursive: true })
  const staging = `${file}.tmp-${target.run}`
  const assembled = pool.run('assemble', { parts, form: kind, to: staging, keyName: target.keyName })
  const { digest } = await assembled.catch(async (error: unknown) => {
    await fs.rm(staging, { force: true })
    throw error
  })
  return {
    digest,
    location: file,
    deadLetters: `${file}.dead`,
    async publish() {
      await fs.rename(staging, file)
      await syncFolder(path.dirname(file))
    },
    discard: () => fs.rm(staging, { force: true }),
  }
}

/** Makes a rename in a folder last. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r')
  await handle.sync()
  await handle.close()
}

const deadLettersOf = (deps: SourceDeps, { project, batch, ds }: Target) => deps.paths.resolve(project, `${batch}-${ds}.dead`)

async function stageTable(
  deps: SourceDeps,
  destination: Extract<BatchDestination, { kind: 'sql' }>,
  parts: readonly string[],
  target: Target,
  pool: Pool,
): Promise<Staged> {
  const { project, ds, run, keyName, stamp } = target
  const to = await warehouseOf(deps, project, destination)
  const { table } = destination
  const staging = `${table}_${run.slice(-16)}`
  const { digest } = await pool.run('writeTable', { to, table, staging, ds, parts, keyName, stamp })
  return {
    digest,
    location: `${table} where ds = '${ds}'`,
    deadLetters: await deadLettersOf(deps, target),
    async publish() {
      await pool.run('swapTable', { to, table, staging, ds, keyName })
    },
    async discard() {
      await pool.run('dropTable', { to, table: staging })
    },
  }
}

async function stageColumns(deps: SourceDeps, parts: readonly string[], target: Target, pool: Pool): Promise<Staged> {
  const { columns } = deps
  const { project, batch, ds, run, keyName, stamp } = target
  // The names and the day hold no quote: their schemas allow letters, digits, dots, dashes and underscores only.
  const partition = `('${project}', '${batch}', '${ds}')`
  const clear = () => columns.execute(`ALTER TABLE batch_predictions_staging DROP PARTITION ${partition}`)
  await clear()
  const digests: string[] = []
  for (const [p, part] of parts.entries()) {
    const [rows, { digest }] = await Promise.all([pool.run('readPart', { part, keyName }), pool.run('digest', { file: part })])
    digests.push(digest)
    for (let from = 0; from < rows.keys.length; from += ROWS_PER_BLOCK)
      await insert(columns, rows, {
        from,
        to: Math.min(rows.keys.length, from + ROWS_PER_BLOCK),
        project,
        batch,
        ds,
        stamp,
        token: `${run}/${p}/${from}`,
      })
  }
  return {
    digest: createHash('sha256').update(digests.join('\n')).digest('hex'),
    location: `batch_predictions where batch = '${batch}' and ds = '${ds}'`,
    deadLetters: await deadLettersOf(deps, target),
    async publish() {
      await columns.execute(`ALTER TABLE batch_predictions REPLACE PARTITION ${partition} FROM batch_predictions_staging`)
      await clear()
    },
    discard: clear,
  }
}

type Rows = { readonly keys: string[]; readonly scores: Float64Array; readonly predictions: Uint8Array }
type Stretch = { from: number; to: number; project: string; batch: string; ds: string; stamp: Stamp; token: string }

async function insert(
  columns: Columns,
  { keys, scores, predictions }: Rows,
  { from, to, project, batch, ds, stamp, token }: Stretch,
): Promise<void> {
  const rows = to - from
  const same = (text: string) => new Array<string>(rows).fill(text)
  await columns.insertBlock(
    'batch_predictions_staging',
    {
      rows,
      columns: [
        { name: 'project', type: 'String', values: same(project) },
        { name: 'batch', type: 'String', values: same(batch) },
        { name: 'ds', type: 'Date', values: new Uint16Array(rows).fill(Date.parse(ds) / DAY_MS) },
        { name: 'key', type: 'String', values: keys.slice(from, to) },
        { name: 'score', type: 'Float64', values: scores.slice(from, to) },
        { name: 'prediction', type: 'UInt8', values: predictions.slice(from, to) },
        { name: 'model_version', type: 'UInt32', values: new Uint32Array(rows).fill(stamp.version) },
        { name: 'run', type: 'String', values: same(stamp.run) },
        { name: 'scored_at', type: 'Instant', values: new Float64Array(rows).fill(stamp.atMs) },
      ],
    },
    { token },
  )
}
