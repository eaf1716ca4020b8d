import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { Pool, type PoolClient, type QueryConfig, types } from 'pg'
import { AppError } from '../../contract/errors.ts'
import { appErrorFromPostgres, isConnectionBroken } from './postgres-errors.ts'
import type { OpenStore } from './store.ts'
import { doomedError, endedError, expiredError } from './store.ts'

const CONNECTIONS = 10
const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_LIMIT_MS = 60_000
const SILENCE_MS = 5_000
const IDLE_MS = 30_000

const oid = { int8: 20, numeric: 1700 } as const

/** Whole numbers and sums come as text; the house keeps to numbers a double holds exactly. */
const numberTypes: { getTypeParser: typeof types.getTypeParser } = {
  getTypeParser: ((type: number, format?: 'text' | 'binary') =>
    type === oid.int8 || type === oid.numeric ? Number : types.getTypeParser(type, format as 'text')) as typeof types.getTypeParser,
}

/** `limitMs` bounds the transaction, and the statement, that begins now. */
type PoolDeps = Pick<OpenStore, 'clock' | 'log' | 'assertUsable'> & { readonly idleLimitMs: number; readonly limitMs: () => number }

/** A `pg` pool as Kysely wants it, throwing `AppError` only. */
export function createPostgresPool(url: string, where: string, deps: PoolDeps): { pool: PostgresPool; end(): Promise<void> } {
  const { log } = deps
  const pool = new Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    idle_in_transaction_session_timeout: deps.idleLimitMs,
    application_name: 'setpoint',
    keepAlive: true,
    types: numberTypes,
  })
  // A connection that breaks says so even while nobody asks anything of it, and would end the process unheard.
  pool.on('error', (error) => log.warn('sql.connection_lost', { error: error.message }))
  pool.on('connect', (client) => client.on('error', (error) => log.warn('sql.connection_lost', { error: error.message })))

  async function connect(): Promise<PostgresPoolClient> {
    deps.assertUsable()
    try {
      return createTurn(await pool.connect(), where, deps)
    } catch (thrown) {
      throw appErrorFromPostgres(thrown, where)
    }
  }
  return { pool: { connect, end: () => pool.end() }, end: () => pool.end() }
}

type Result = { command: 'SELECT' | 'ROLLBACK'; rowCount: number; rows: never[] }

/** One turn on a connection: a statement, or a transaction from its first statement to its last. */
function createTurn(client: PoolClient, where: string, { clock, limitMs: currentLimitMs }: PoolDeps): PostgresPoolClient {
  let broken: AppError | undefined
  let isReleased = false
  let deadlineMs = Number.POSITIVE_INFINITY

  async function query(text: string, parameters: readonly unknown[] = []): Promise<Result> {
    if (isReleased) throw endedError()
    // Nothing can be told to a broken connection; the server rolls back by itself, and the first error is the one to see.
    if (broken && text === 'rollback') return { command: 'ROLLBACK', rowCount: 0, rows: [] }
    const limitMs = currentLimitMs()
    if (text === 'begin') deadlineMs = clock.now() + limitMs
    else if (text !== 'rollback' && clock.now() > deadlineMs) throw expiredError(limitMs)
    try {
      const result = (await client.query({
        text,
        values: [...parameters],
        query_timeout: silenceLimitMs(limitMs),
      } as QueryConfig)) as unknown as Result
      if (text === 'commit' && result.command === 'ROLLBACK') throw doomedError()
      return result
    } catch (thrown) {
      const error = appErrorFromPostgres(thrown, where)
      if (isConnectionBroken(error)) broken = error
      if (broken && text === 'commit') throw unknownOutcome(error)
      throw error
    }
  }

  return {
    query: query as unknown as PostgresPoolClient['query'],
    release() {
      isReleased = true
      client.release(broken !== undefined)
    },
  }
}

/** When the network is gone, the server's own limit cannot be heard. */
const silenceLimitMs = (limitMs: number) => Math.max(STATEMENT_LIMIT_MS, limitMs) + SILENCE_MS

function unknownOutcome(error: AppError): AppError {
  const message = `${error.message} (it went away during a commit, which may have been stored)`
  return new AppError(error.code, message, { ...error.details, outcome: 'unknown' }, error)
}
