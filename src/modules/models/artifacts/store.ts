import type { Db, Sql } from '../../../infra/sql/index.ts'
import { folderOf } from '../../../lib/artifact-path.ts'
import { digestsInTrees } from './trees.ts'

type FileRow = { project: string; path: string; folder: string; digest: string | null; size_bytes: number; updated_at: number }
type UploadRow = { id: string; project: string; path: string; secret_hash: string; created_at: number }
type PartRow = { project: string; upload: string; number: number; digest: string; size_bytes: number }
type Tables = { artifacts: FileRow; artifact_uploads: UploadRow; artifact_upload_parts: PartRow }

export type Entry = Pick<FileRow, 'path' | 'digest' | 'size_bytes' | 'updated_at'>
export type Upload = UploadRow
export type Part = Pick<PartRow, 'number' | 'digest' | 'size_bytes'>

/** Paths in one statement; SQLite and PostgreSQL both take many more parameters. */
const BATCH = 500
const entryColumns = ['path', 'digest', 'size_bytes', 'updated_at'] as const

export type Store = ReturnType<typeof createStore>

/** The tables of artifacts. Paths are normalised; `''` is the root, which has no row. */
export function createStore({ dialect }: Sql) {
  const tables = (db: Db) => db.db.withTables<Tables>()

  /** Which of these folders are there, held so that none is removed before the transaction ends. */
  async function holdFolders(db: Db, project: string, paths: readonly string[]): Promise<{ path: string; digest: string | null }[]> {
    if (paths.length === 0) return []
    const query = tables(db).selectFrom('artifacts').select(['path', 'digest']).where('project', '=', project).where('path', 'in', paths)
    return await (dialect === 'postgresql' ? query.forKeyShare() : query).execute()
  }

  return {
    /** Makes the folders that are missing and holds all; answers the one that is a file, if any is. */
    async needFolders(db: Db, project: string, folders: readonly string[], nowMs: number): Promise<string | undefined> {
      const held = await holdFolders(db, project, folders)
      const there = new Set(held.map((row) => row.path))
      const missing = folders.filter((path) => !there.has(path))
      if (missing.length > 0) {
        const rows = missing.map((path) => ({ project, path, folder: folderOf(path), digest: null, size_bytes: 0, updated_at: nowMs }))
        await tables(db)
          .insertInto('artifacts')
          .values(rows)
          .onConflict((conflict) => conflict.columns(['project', 'path']).doNothing())
          .execute()
        held.push(...(await holdFolders(db, project, missing)))
      }
      return held.find((row) => row.digest !== null)?.path
    },

    /** Writes a file’s row; answers false when a folder has its path. */
    async saveFile(db: Db, project: string, path: string, file: { digest: string; sizeBytes: number; nowMs: number }): Promise<boolean> {
      const values = { digest: file.digest, size_bytes: file.sizeBytes, updated_at: file.nowMs }
      const written = await tables(db)
        .insertInto('artifacts')
        .values({ project, path, folder: folderOf(path), ...values })
        .onConflict((conflict) => conflict.columns(['project', 'path']).doUpdateSet(values).where('artifacts.digest', 'is not', null))
        .returning('path')
        .execute()
      return written.length > 0
    },

    async find(db: Db, project: string, path: string): Promise<Entry | undefined> {
      return await tables(db)
        .selectFrom('artifacts')
        .select(entryColumns)
        .where('project', '=', project)
        .where('path', '=', path)
        .executeTakeFirst()
    },

    /** What lies directly in a folder, in the order of the store, from behind `after`. */
    async page(db: Db, project: string, folder: string, after: string | undefined, limit: number): Promise<Entry[]> {
      let query = tables(db).selectFrom('artifacts').select(entryColumns).where('project', '=', project).where('folder', '=', folder)
      if (after !== undefined) query = query.where('path', '>', after)
      return await query.orderBy('path').limit(limit).execute()
    },

    /** Removes a row, then all below it from the top down, so that nothing is put meanwhile where it would be forgotten. */
    async removeTree(db: Db, project: string, path: string): Promise<number> {
      let files = 0
      let level = path === '' ? [''] : await removeRows(db, project, 'path', [path])
      while (level.length > 0) level = await removeRows(db, project, 'folder', level)
      return files

      async function removeRows(to: Db, of: string, by: 'path' | 'folder', values: readonly string[]): Promise<string[]> {
        const folders: string[] = []
        for (let from = 0; from < values.length; from += BATCH) {
          const removed = await tables(to)
            .deleteFrom('artifacts')
            .where('project', '=', of)
            .where(by, 'in', values.slice(from, from + BATCH))
            .returning(['path', 'digest'])
            .execute()
          for (const row of removed) {
            if (row.digest === null) folders.push(row.path)
            else files += 1
          }
        }
        return folders
      }
    },

    /** Files of the whole project. */
    async total(db: Db, project: string): Promise<{ files: number; sizeBytes: number }> {
      const row = await tables(db)
        .selectFrom('artifacts')
        .select((eb) => [eb.fn.count('path').as('files'), eb.fn.coalesce(eb.fn.sum('size_bytes'), eb.lit(0)).as('bytes')])
        .where('project', '=', project)
        .where('digest', 'is not', null)
        .executeTakeFirstOrThrow()
      return { files: Number(row.files), sizeBytes: Number(row.bytes) }
    },

    /** Those of `digests` that a file, a frozen tree or an upload of any project names. */
    async namedDigests(db: Db, digests: readonly string[]): Promise<Set<string>> {
      if (digests.length === 0) return new Set()
      const files = tables(db).selectFrom('artifacts').select('digest').distinct().where('digest', 'in', digests)
      const parts = tables(db).selectFrom('artifact_upload_parts').select('digest').distinct().where('digest', 'in', digests)
      const rows = [...(await files.execute()), ...(await parts.execute())]
      return new Set([...rows.map((row) => row.digest!), ...(await digestsInTrees(db, digests))])
    },

    async insertUpload(db: Db, upload: Upload): Promise<void> {
      await tables(db).insertInto('artifact_uploads').values(upload).execute()
    },
    /** By its id alone: whoever sends a part shows the upload’s secret instead of a key of a project. */
    async findUpload(db: Db, id: string): Promise<Upload | undefined> {
      return await tables(db).selectFrom('artifact_uploads').selectAll().where('id', '=', id).executeTakeFirst()
    },
    async countUploads(db: Db, project: string): Promise<number> {
      const query = tables(db)
        .selectFrom('artifact_uploads')
        .select((eb) => eb.fn.countAll().as('count'))
      return Number((await query.where('project', '=', project).executeTakeFirstOrThrow()).count)
    },
    async savePart(db: Db, { project, id }: Upload, part: Part): Promise<void> {
      const { number, digest, size_bytes } = part
      await tables(db)
        .insertInto('artifact_upload_parts')
        .values({ project, upload: id, number, digest, size_bytes })
        .onConflict((conflict) => conflict.columns(['upload', 'number']).doUpdateSet({ digest, size_bytes }))
        .execute()
    },
    async listParts(db: Db, { project, id }: Upload): Promise<Part[]> {
      const query = tables(db).selectFrom('artifact_upload_parts').select(['number', 'digest', 'size_bytes'])
      return await query.where('project', '=', project).where('upload', '=', id).orderBy('number').execute()
    },
    /** Forgets an upload; answers false when another did already. */
    async deleteUpload(db: Db, { project, id }: Upload): Promise<boolean> {
      await tables(db).deleteFrom('artifact_upload_parts').where('project', '=', project).where('upload', '=', id).execute()
      const deleted = await tables(db).deleteFrom('artifact_uploads').where('project', '=', project).where('id', '=', id).executeTakeFirst()
      return deleted.numDeletedRows > 0n
    },
    async uploadsBefore(db: Db, beforeMs: number): Promise<Upload[]> {
      return await tables(db).selectFrom('artifact_uploads').selectAll().where('created_at', '<', beforeMs).execute()
    },
  }
}
