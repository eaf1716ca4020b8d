import { createHash, randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { AppError } from '../../contract/errors.ts'
import { sleep } from '../clock.ts'
import { isRetryable } from './postgres-errors.ts'
import { createPostgresListener } from './postgres-listener.ts'
import { createPostgresPool } from './postgres-pool.ts'
import { MIGRATION_LIMIT_MS, type OpenStore, type Store, type Tables0 } from './store.ts'

const CONNECT_ATTEMPTS = 5
const CONNECT_RETRY_MS = 500
/** Any number that nothing else in the database locks by. */
const MIGRATION_LOCK = 7_301_225

/**
 * Opens a PostgreSQL database. Throws `invalid` for an address that is none, and `unavailable` with the host when the
 * server does not answer within a few attempts.
 */
export async function openPostgres(url: string, deps: OpenStore): Promise<Store> {
  const where = nameFrom(url)
  let isMigrating = false
  const limitMs = () => (isMigrating ? MIGRATION_LIMIT_MS : deps.limitMs)
  const { pool, end } = createPostgresPool(url, where, { ...deps, idleLimitMs: deps.limitMs, limitMs })
  const db = new Kysely<Tables0>({ dialect: new PostgresDialect({ pool }) })
  try {
    const schema = await connectAtLast(db, where, deps)
    const channel = `setpoint_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
    const own = randomUUID()
    const listener = createPostgresListener(url, { ...deps, channel, own })
    return {
      dialect: 'postgresql',
      name: where,
      db,
      async alone(run) {
        isMigrating = true
        try {
          return await db.transaction().execute(async (tx) => {
            await sql`SET LOCAL statement_timeout = 0`.execute(tx)
            await sql`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK}::int, hashtext(current_schema()))`.execute(tx)
            return run(tx)
          })
        } finally {
          isMigrating = false
        }
      },
      isRetryable,
      async tell(to, subject) {
        await sql`SELECT pg_notify(${channel}, ${`${own} ${subject}`})`.execute(to.db)
      },
      hear: listener.start,
      async close() {
        await listener.stop()
        await end()
      },
    }
  } catch (thrown) {
    await end()
    throw thrown
  }
}

async function connectAtLast(db: Kysely<Tables0>, where: string, { clock, log }: OpenStore): Promise<string> {
  for (let tried = 1; ; tried++) {
    try {
      const { rows } = await sql<{ schema: string | null }>`SELECT current_schema() AS schema`.execute(db)
      const schema = rows[0]?.schema
      if (!schema) throw new AppError('invalid', `${where} has no schema to work in; create the one its search_path names`)
      return schema
    } catch (thrown) {
      const mayHelp = thrown instanceof AppError && thrown.code === 'unavailable' && tried < CONNECT_ATTEMPTS
      if (!mayHelp) throw thrown
      log.warn('sql.not_reachable_yet', { store: where, tried, error: thrown.message })
      await sleep(clock, CONNECT_RETRY_MS * tried)
    }
  }
}

/** The server without its password. */
function nameFrom(url: string): string {
  try {
    const { protocol, host, pathname, searchParams } = new URL(url)
    if (!/^postgres(ql)?:$/.test(protocol)) throw new TypeError(`${protocol} is not postgres:`)
    return `PostgreSQL at ${host || searchParams.get('host') || 'localhost'}${pathname}`
  } catch (cause) {
    throw new AppError('invalid', 'the address of PostgreSQL must look like postgres://user:password@host:5432/database', {}, cause)
  }
}
