import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import type { BatchDestination, BatchScoringSpec, BatchSource } from '../../../contract/batch.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Columns } from '../../../infra/columns/columns.ts'
import { dayAfter, startOfDay } from '../../../lib/days.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { AllowedPaths } from './allowed-paths.ts'
import type { InputFile, Layout, SqlQuery, StagedColumns, Warehouse } from './threads/messages.ts'
import type { Pool } from './threads/pool.ts'

export type SourceDeps = {
  readonly clock: Clock
  readonly columns: Columns
  readonly documents: Documents
  readonly registry: Registry
  readonly paths: AllowedPaths
  readonly readSecret: (name: string) => string | undefined
  /** Where the product’s own metadata is, which no document may reach. */
  readonly metadataUrl?: string
}
/** `inputDigest` is empty for a sample. */
export type Extracted = { readonly files: readonly InputFile[]; readonly inputDigest: string }
type Wanted = {
  readonly project: string
  readonly ds: string
  readonly folder: string
  readonly mostRows: number | null
  readonly pool: Pool
}

/** Records of a deployment are read in pages of so many rows. */
const PAGE_ROWS = 10_000
const MOST_PER_STAGED_FILE = 60_000

/** The layout a model’s rows are read by, and the columns to stage for it where the source is no Parquet. Throws `invalid` for features that come from nowhere. */
export function layoutOf(
  spec: BatchScoringSpec,
  features: readonly string[],
  lookupFiles: readonly string[],
): { layout: Layout; staged: StagedColumns } {
  const { source } = spec
  const unknown = Object.keys(source.features).filter((name) => !features.includes(name))
  if (unknown.length > 0)
    throw new AppError('invalid', `source.features names ${unknown.join(', ')}; the model takes ${features.slice(0, 50).join(', ')}`)
  const needed = source.required === 'all' ? features : source.required
  const strange = needed.filter((name) => !features.includes(name))
  if (strange.length > 0) throw new AppError('invalid', `source.required names ${strange.join(', ')}, which the model does not take`)
  const isStaged = source.kind !== 'parquet'
  const mapped = features.map((feature) => {
    const column = source.features[feature] ?? feature
    const lookup = source.lookups.findIndex(({ name }) => column.startsWith(`${name}.`))
    if (lookup >= 0) return { feature, lookup, column: column.slice(source.lookups[lookup]!.name.length + 1) }
    return { feature, column: isStaged ? `n:${column}` : column }
  })
  const layout: Layout = {
    key: isStaged ? 'key' : source.keyColumn,
    features: mapped,
    lookups: source.lookups.map(({ key, on }, i) => ({ file: lookupFiles[i] ?? '', key, on: isStaged ? `t:${on}` : on })),
    required: features.map((feature) => needed.includes(feature)),
  }
  const numbers = [...new Set(mapped.flatMap((one) => ('lookup' in one ? [] : [one.column.slice(2)])))]
  return { layout, staged: { key: source.keyColumn, numbers, texts: [...new Set(source.lookups.map(({ on }) => on))] } }
}

/**
 * Makes the partition’s rows readable as Parquet: files of that kind where they lie, anything else staged in the run’s
 * folder. Throws `unavailable` for what is not there, or not fresh, yet.
 */
export async function extract(
  deps: SourceDeps,
  spec: BatchScoringSpec,
  layouts: ReturnType<typeof layoutOf>,
  wanted: Wanted,
): Promise<Extracted> {
  const { source } = spec
  const { pool } = wanted
  const describe = (files: readonly string[]) => Promise.all(files.map((file) => pool.run('describe', { file, layout: layouts.layout })))
  const digest = async (files: readonly string[]) =>
    wanted.mostRows === null ? digestOf(await Promise.all(files.map(async (file) => (await pool.run('digest', { file })).digest))) : ''
  switch (source.kind) {
    case 'parquet': {
      const files = await partitionFiles(deps, source, wanted)
      const [described, inputDigest] = await Promise.all([describe(files), digest(files)])
      return { files: described, inputDigest }
    }
    case 'csv': {
      const files = await partitionFiles(deps, source, wanted)
      const inputDigest = await digest(files)
      const staged: string[] = []
      for (const file of files) {
        const given = { file, columns: layouts.staged, folder: wanted.folder, first: staged.length, mostRows: wanted.mostRows }
        staged.push(...(await pool.run('stageCsv', given)).files)
      }
      return { files: await describe(staged), inputDigest }
    }
    case 'sql': {
      const from = await warehouseOf(deps, wanted.project, source)
      const { files, newestMs } = await pool.run('stageSql', {
        from,
        query: queryOf(source),
        ds: wanted.ds,
        columns: layouts.staged,
        folder: wanted.folder,
        mostRows: wanted.mostRows,
      })
      if (source.freshWithinMs !== undefined) checkFresh(deps, newestMs, source.freshWithinMs, `the newest ${source.timeColumn}`)
      return { files: await describe(files), inputDigest: await digest(files) }
    }
    case 'columns': {
      const files = await stageRecords(deps, source, layouts, wanted)
      return { files: await describe(files), inputDigest: await digest(files) }
    }
  }
}

function digestOf(digests: readonly string[]): string {
  return createHash('sha256').update(digests.join('\n')).digest('hex')
}

export const withDay = (text: string, ds: string): string => text.replaceAll('{ds}', ds)

async function partitionFiles(
  deps: SourceDeps,
  source: Extract<BatchSource, { path: string }>,
  { project, ds }: Wanted,
): Promise<string[]> {
  const files = await deps.paths.expand(project, withDay(source.path, ds))
  if (files.length === 0) throw new AppError('unavailable', `no file matches ${withDay(source.path, ds)}; the partition is not there yet`)
  const changed = await Promise.all(
    files.map(async (file) => {
      const stat = await fs.stat(file).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT')
          throw new AppError('unavailable', `there is no file ${withDay(source.path, ds)}; the partition is not there yet`)
        throw error
      })
      return stat.mtimeMs
    }),
  )
  if (source.freshWithinMs !== undefined) checkFresh(deps, Math.max(...changed), source.freshWithinMs, 'the newest file')
  return files
}

function checkFresh({ clock }: SourceDeps, newestMs: number | null, withinMs: number, what: string): void {
  const ageMs = newestMs === null ? Number.POSITIVE_INFINITY : clock.now() - newestMs
  if (ageMs > withinMs)
    throw new AppError(
      'unavailable',
      `${what} is ${Number.isFinite(ageMs) ? `${Math.round(ageMs)} ms old` : 'not there'}; freshWithinMs allows ${withinMs} ms`,
    )
}

/** Where an SQL source or destination is. Throws `forbidden` when that is the product’s own store. */
export async function warehouseOf(
  deps: SourceDeps,
  project: string,
  at: Extract<BatchSource | BatchDestination, { kind: 'sql' }>,
): Promise<Warehouse> {
  if (at.file !== undefined) return { kind: 'sqlite', file: await deps.paths.resolve(project, at.file) }
  const name = at.urlFrom!
  const url = deps.readSecret(name)
  if (url === undefined || !/^postgres(ql)?:\/\//.test(url))
    throw new AppError('unavailable', `the environment of the server has no ${name} with a postgresql:// address`)
  if (deps.metadataUrl !== undefined && isSameDatabase(url, deps.metadataUrl))
    throw new AppError('forbidden', `${name} names the database of Setpoint itself; batch scoring never touches it`)
  return { kind: 'postgresql', url, name }
}

/** The same server and database, whatever the user and the schema. */
function isSameDatabase(one: string, other: string): boolean {
  const place = (text: string) => {
    const { hostname, port, pathname } = new URL(text)
    const host = ['localhost', '::1', '[::1]', ''].includes(hostname) ? '127.0.0.1' : hostname
    return `${host}:${port || '5432'}${pathname}`
  }
  return place(one) === place(other)
}

/** Rows in order of their keys, so that the same data gives the same output. */
function queryOf(source: Extract<BatchSource, { kind: 'sql' }>): SqlQuery {
  const isSqlite = source.file !== undefined
  const key = `"${source.keyColumn.replaceAll('"', '""')}"`
  const inner = source.query ?? `SELECT * FROM ${source.table}${source.partitionColumn ? ` WHERE ${source.partitionColumn} = {ds}` : ''}`
  const days = isSqlite ? inner.split('{ds}').length - 1 : inner.includes('{ds}') ? 1 : 0
  // One parameter may stand for several places in PostgreSQL, and has no type of its own there.
  const text = `SELECT * FROM (${inner.replaceAll('{ds}', isSqlite ? '?' : '$1').replace(/;\s*$/, '')}) AS rows ORDER BY ${key}`
  return { text, days, newest: source.timeColumn ?? null }
}

type RecordRow = { record_id: string; at_ms: number; version: number; model: string; features: (number | null)[] }

/** The recorded predictions of a deployment’s day, by the names that each version gives its features. */
async function stageRecords(
  deps: SourceDeps,
  source: Extract<BatchSource, { kind: 'columns' }>,
  { staged }: ReturnType<typeof layoutOf>,
  wanted: Wanted,
): Promise<string[]> {
  const { project, ds, folder, pool, mostRows } = wanted
  const known = new Map<string, readonly string[]>()
  async function placesOf({ model, version }: RecordRow): Promise<readonly string[]> {
    const id = `${model}/${version}`
    if (!known.has(id)) known.set(id, (await deps.registry.version(project, model, version)).features)
    return known.get(id)!
  }
  await deps.documents.need('Deployment', project, source.deployment)
  const files: string[] = []
  let after = { atMs: startOfDay(ds, source.timeZone) - 1, id: '' }
  const toMs = startOfDay(dayAfter(ds, 1), source.timeZone)
  let keys: string[] = []
  let cells: number[][] = staged.numbers.map(() => [])
  const flush = async () => {
    const columns = staged.numbers.map((name, i) => ({ name, values: Float32Array.from(cells[i]!) }))
    files.push((await pool.run('stageRows', { folder, index: files.length, keys, columns })).file)
    keys = []
    cells = staged.numbers.map(() => [])
  }
  for (let total = 0; mostRows === null || total < mostRows; ) {
    const page = await deps.columns.query<RecordRow>(
      `SELECT record_id, toUnixTimestamp64Milli(at) AS at_ms, model, version, features FROM inference_records
       WHERE project = {project:String} AND deployment = {deployment:String} AND at >= fromUnixTimestamp64Milli({atMs:Int64}, 'UTC')
         AND at < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC') AND (at, record_id) > (fromUnixTimestamp64Milli({atMs:Int64}, 'UTC'), {id:String})
         AND at >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
       ORDER BY at, record_id LIMIT {limit:UInt32}`,
      {
        project,
        deployment: source.deployment,
        ...after,
        fromMs: startOfDay(ds, source.timeZone),
        toMs,
        limit: Math.min(PAGE_ROWS, mostRows ?? PAGE_ROWS),
      },
    )
    for (const row of page) {
      const names = await placesOf(row)
      keys.push(row.record_id)
      for (const [i, name] of staged.numbers.entries()) {
        const place = names.indexOf(name)
        if (place < 0)
          throw new AppError(
            'invalid',
            `version ${row.version} of ${row.model} recorded no feature ${name}; it has ${names.slice(0, 50).join(', ')}`,
          )
        cells[i]!.push(row.features[place] ?? Number.NaN)
      }
    }
    total += page.length
    if (keys.length + PAGE_ROWS > MOST_PER_STAGED_FILE) await flush()
    if (page.length < PAGE_ROWS) break
    after = { atMs: page.at(-1)!.at_ms, id: page.at(-1)!.record_id }
  }
  if (keys.length > 0) await flush()
  return files
}

/** The folder of a run’s staged rows. */
export const rawFolder = (folder: string): string => path.join(folder, 'raw')
