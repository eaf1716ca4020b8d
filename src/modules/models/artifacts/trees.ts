import { createHash } from 'node:crypto'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import type { FolderFile } from '../../../lib/model-files/describe-folder.ts'

type TreeRow = { project: string; tree: string; path: string; digest: string; size_bytes: number; used_at: number }
type Tables = { artifact_trees: TreeRow }

const BATCH = 500
const MOST_FILES = 100_000
const tables = (db: Db) => db.db.withTables<Tables>()

/**
 * Keeps a folder as it is now and answers the id of that tree, made of its paths and digests: whatever is later put into
 * the folder or removed from it, the tree has these files. Their content must be held. Throws `too_large`.
 */
export async function freezeTree(
  { sql, clock }: { readonly sql: Sql; readonly clock: Clock },
  project: string,
  files: readonly FolderFile[],
): Promise<string> {
  if (files.length > MOST_FILES)
    throw new AppError('too_large', `the folder holds ${files.length} files; at most ${MOST_FILES} can be frozen`)
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const hash = createHash('sha256')
  for (const { path, digest } of sorted) hash.update(JSON.stringify([path, digest]))
  const tree = hash.digest('hex')
  const used_at = clock.now()
  await sql.transaction(async (tx) => {
    for (let from = 0; from < sorted.length; from += BATCH)
      await tables(tx)
        .insertInto('artifact_trees')
        .values(
          sorted
            .slice(from, from + BATCH)
            .map(({ path, digest, sizeBytes }) => ({ project, tree, path, digest, size_bytes: sizeBytes, used_at })),
        )
        .onConflict((conflict) => conflict.columns(['project', 'tree', 'path']).doUpdateSet({ used_at }))
        .execute()
  })
  return tree
}

/** The files of a tree, by path; none when there is no such tree. */
export async function filesOfTree(db: Db, project: string, tree: string): Promise<FolderFile[]> {
  const rows = await tables(db)
    .selectFrom('artifact_trees')
    .select(['path', 'digest', 'size_bytes'])
    .where('project', '=', project)
    .where('tree', '=', tree)
    .execute()
  return rows.map(fileFromRow).sort(byPath)
}

/** The files of a tree, whichever project froze it: its id is made of them. None when there is no such tree. */
export async function filesOfFrozen(db: Db, tree: string): Promise<FolderFile[]> {
  const rows = await tables(db)
    .selectFrom('artifact_trees')
    .select(['path', 'digest', 'size_bytes'])
    .distinct()
    .where('tree', '=', tree)
    .execute()
  return rows.map(fileFromRow).sort(byPath)
}

function fileFromRow({ path, digest, size_bytes: sizeBytes }: Pick<TreeRow, 'path' | 'digest' | 'size_bytes'>): FolderFile {
  return { path, digest, sizeBytes }
}

function byPath(a: FolderFile, b: FolderFile): number {
  return a.path < b.path ? -1 : 1
}

/** Those of `digests` that a tree of any project names. */
export async function digestsInTrees(db: Db, digests: readonly string[]): Promise<string[]> {
  const query = tables(db).selectFrom('artifact_trees').select('digest').distinct().where('digest', 'in', digests)
  return (await query.execute()).map((row) => row.digest)
}

/** Forgets trees that nothing names and nobody froze since; one frozen again in this moment stays. Answers how many. */
export async function dropTrees(db: Db, isNamed: (tree: string) => boolean, beforeMs: number): Promise<number> {
  const old = await tables(db).selectFrom('artifact_trees').select(['project', 'tree']).distinct().where('used_at', '<', beforeMs).execute()
  const unused = old.filter(({ tree }) => !isNamed(tree))
  for (const { project, tree } of unused)
    await tables(db)
      .deleteFrom('artifact_trees')
      .where('project', '=', project)
      .where('tree', '=', tree)
      .where('used_at', '<', beforeMs)
      .execute()
  return unused.length
}
