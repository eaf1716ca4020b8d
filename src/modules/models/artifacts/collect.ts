import { sql as raw } from 'kysely'
import type { artifacts } from '../../../contract/artifacts.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Blob, Blobs } from '../../../infra/blobs/blobs.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createStore, type Store } from './store.ts'
import { dropTrees } from './trees.ts'

/** A table in which digests of stored content may stand, in any column, also inside JSON; `key` names its primary key. */
type TableOfReferences = { readonly table: string; readonly key: readonly string[] }

type Deps = {
  readonly sql: Sql
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: Log
  /** Every table that may name content, but for those of this module. */
  readonly tables: readonly TableOfReferences[]
}

const BATCH = 500
const ROWS_AT_ONCE = 500
const DIGEST = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g

/**
 * The verb that removes content nothing names any more. It errs on the side of keeping: whatever looks like a digest in
 * any row of a table of state keeps the content of that digest, and so does having been stored or asked for within the
 * grace time, which covers what is named a moment after it was stored.
 */
export function createCollector(deps: Deps): Pick<Verbs<typeof artifacts>, 'collectGarbage'> {
  const { sql, clock, log } = deps
  const store = createStore(sql)
  return {
    async collectGarbage({ graceHours, dryRun }, caller) {
      if (caller.project !== 'default')
        throw new AppError('forbidden', 'content is shared by all projects; it is collected from the default project')
      const beforeMs = clock.now() - graceHours * 3_600_000
      const abandoned = await store.uploadsBefore(sql, beforeMs)
      if (!dryRun) for (const upload of abandoned) await sql.transaction((tx) => store.deleteUpload(tx, upload))
      const named = await digestsIn(deps)
      if (!dryRun) await dropTrees(sql, (tree) => named.has(tree), beforeMs)
      const { count, unused } = await findUnused(deps, store, named, beforeMs)
      const removed = dryRun ? 0 : await removeUnused(deps, store, unused, beforeMs)
      const unusedBytes = unused.reduce((sum, blob) => sum + blob.sizeBytes, 0)
      log.info('artifacts.collected', { caller: caller.id, dryRun, graceHours, unused: unused.length, unusedBytes, removed })
      return { dryRun, blobs: count, unused: unused.length, unusedBytes, removed, abandonedUploads: abandoned.length }
    },
  }
}

async function findUnused(
  deps: Deps,
  store: Store,
  named: ReadonlySet<string>,
  beforeMs: number,
): Promise<{ count: number; unused: Blob[] }> {
  const unused: Blob[] = []
  let count = 0
  let batch: Blob[] = []
  const sift = async () => {
    const digests = batch.map((blob) => blob.digest)
    const inFiles = await store.namedDigests(deps.sql, digests)
    unused.push(...batch.filter((blob) => !inFiles.has(blob.digest)))
    batch = []
  }
  for await (const { digest, sizeBytes, usedAtMs } of deps.blobs.list()) {
    count += 1
    if (usedAtMs >= beforeMs || named.has(digest)) continue
    batch.push({ digest, sizeBytes })
    if (batch.length === BATCH) await sift()
  }
  await sift()
  return { count, unused }
}

/** Looks at everything once more: what was named since it was found unused stays. */
async function removeUnused(deps: Deps, store: Store, unused: readonly Blob[], beforeMs: number): Promise<number> {
  if (unused.length === 0) return 0
  const named = await digestsIn(deps)
  let removed = 0
  for (let from = 0; from < unused.length; from += BATCH) {
    const digests = unused.slice(from, from + BATCH).map((blob) => blob.digest)
    const inFiles = await store.namedDigests(deps.sql, digests)
    for (const digest of digests) {
      if (named.has(digest) || inFiles.has(digest)) continue
      if (await deps.blobs.deleteOlder(digest, beforeMs)) removed += 1
    }
  }
  return removed
}

/** All that looks like a digest in the rows of the tables. */
async function digestsIn({ sql, tables }: Deps): Promise<Set<string>> {
  const found = new Set<string>()
  for (const table of tables)
    for await (const row of rowsOf(sql, table))
      for (const value of Object.values(row))
        if (typeof value === 'string') for (const [digest] of value.matchAll(DIGEST)) found.add(digest)
  return found
}

async function* rowsOf({ db }: Sql, { table, key }: TableOfReferences): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const columns = raw.join(key.map((column) => raw.ref(column)))
  for (let last: Readonly<Record<string, unknown>> | undefined, more = true; more; ) {
    const behind = last ? raw`where (${columns}) > (${raw.join(key.map((column) => last![column]))})` : raw``
    const query = raw<
      Readonly<Record<string, unknown>>
    >`select * from ${raw.table(table)} ${behind} order by ${columns} limit ${ROWS_AT_ONCE}`
    const { rows } = await query.execute(db)
    yield* rows
    last = rows.at(-1)
    more = rows.length === ROWS_AT_ONCE
  }
}
