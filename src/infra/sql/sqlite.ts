import { Kysely } from 'kysely'
import { messageFrom } from '../../contract/errors.ts'
import { createLoop } from '../jobs/loop.ts'
import { lockFile } from './file-lock.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { openSqliteInMemory, openSqliteThread, type SqliteEngine } from './sqlite-thread.ts'
import { MIGRATION_LIMIT_MS, type OpenStore, type Store, type Tables0 } from './store.ts'

/** `alone`: this process keeps every other out. `owner`: it keeps other owners out. `guest`: its owner let it in. */
export type Sharing = 'alone' | 'owner' | 'guest'

/** How often a process looks whether another has committed something. */
const LOOK_MS = 50
const RETRY_MS = 1_000

/** Opens `file`, or a database in memory. Processes that share a file hear of each other’s commits within 50 ms. */
export async function openSqlite(file: string | undefined, deps: OpenStore, sharing: Sharing = 'alone'): Promise<Store> {
  const { clock, limitMs, assertUsable } = deps
  const lock = file === undefined || sharing === 'guest' ? undefined : lockFile(file)
  try {
    const engine = await (file === undefined ? openSqliteInMemory() : openSqliteThread(file))
    const others = sharing === 'alone' ? undefined : createLook(engine, deps)
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
      hear: () => others?.start(),
      async close() {
        await others?.stop()
        await engine.close()
        lock?.release()
      },
    }
  } catch (thrown) {
    lock?.release()
    throw thrown
  }
}

/** Looks at SQLite’s own count of changes by other connections (sqlite.org/pragma.html#pragma_data_version). */
function createLook(engine: SqliteEngine, { clock, log, missed }: OpenStore) {
  let seen: unknown
  return createLoop(clock, async () => {
    try {
      const version = (await engine.execute('PRAGMA data_version', [])).rows[0]![0]
      if (seen !== undefined && version !== seen) missed()
      seen = version
      return LOOK_MS
    } catch (error) {
      log.warn('sql.look_failed', { error: messageFrom(error) })
      return RETRY_MS
    }
  })
}
