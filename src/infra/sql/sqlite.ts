import { Kysely } from 'kysely'
import { lockFile } from './file-lock.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { openSqliteInMemory, openSqliteThread } from './sqlite-thread.ts'
import { MIGRATION_LIMIT_MS, type OpenStore, type Store, type Tables0 } from './store.ts'

/** Opens `file`, or a database in memory. One process has it, so there is nobody else to tell or to hear. */
export async function openSqlite(file: string | undefined, { clock, limitMs, assertUsable }: OpenStore): Promise<Store> {
  const lock = file === undefined ? undefined : lockFile(file)
  try {
    const engine = await (file === undefined ? openSqliteInMemory() : openSqliteThread(file))
    let isMigrating = false
    const currentLimitMs = () => (isMigrating ? MIGRATION_LIMIT_MS : limitMs)
    const db = new Kysely<Tables0>({ dialect: createSqliteDialect({ engine, clock, limitMs: currentLimitMs, assertUsable }) })
    return {
      dialect: 'sqlite',
      name: file ?? 'in-memory SQLite',
      db,
      async alone(run) {
        isMigrating = true
        try {
          return await db.transaction().execute(run)
        } finally {
          isMigrating = false
        }
      },
      isRetryable: () => false,
      async tell() {},
      hear() {},
      async close() {
        await engine.close()
        lock?.release()
      },
    }
  } catch (thrown) {
    lock?.release()
    throw thrown
  }
}
