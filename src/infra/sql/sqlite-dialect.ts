import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import { createFairMutex } from './fair-mutex.ts'
import type { Answer } from './sqlite-database.ts'
import type { SqliteEngine } from './sqlite-thread.ts'
import { doomedError, endedError, expiredError } from './store.ts'

/** One turn on the single connection: a statement, or a transaction from its first statement to its last. */
type Turn = DatabaseConnection & { begin(): Promise<void>; end(sql: 'commit' | 'rollback'): Promise<void>; release(): void }

/** `assertUsable` throws where waiting for the connection would wait for ever, and after the end; `limitMs` bounds a transaction. */
export type SqliteDialectDeps = {
  readonly engine: SqliteEngine
  readonly clock: Clock
  readonly limitMs: () => number
  readonly assertUsable: () => void
}

/** Kysely on `node:sqlite`: one connection, taken in turns. */
export function createSqliteDialect(deps: SqliteDialectDeps): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => createDriver(deps),
  }
}

function createDriver(deps: SqliteDialectDeps): Driver {
  const mutex = createFairMutex()
  return {
    async init() {},
    async acquireConnection() {
      deps.assertUsable()
      return createTurn(deps, await mutex.acquire())
    },
    beginTransaction: (connection) => (connection as Turn).begin(),
    commitTransaction: (connection) => (connection as Turn).end('commit'),
    rollbackTransaction: (connection) => (connection as Turn).end('rollback'),
    async releaseConnection(connection) {
      ;(connection as Turn).release()
    },
    destroy: () => deps.engine.close(),
  }
}

function createTurn({ engine, clock, limitMs: currentLimitMs }: SqliteDialectDeps, release: () => void): Turn {
  let refusal: AppError | undefined
  let isTransaction = false
  let failure: unknown
  let isReleased = false
  let cancelLimit = () => {}

  /** Takes the connection back from a transaction that does not end, so that one lost promise cannot stop the house. */
  function expire(limitMs: number) {
    refusal = expiredError(limitMs)
    isReleased = true
    // Release even when the rollback fails: a later `begin` then reports what is wrong with the database.
    engine.execute('rollback', []).then(release, release)
  }

  return {
    async begin() {
      await engine.execute('begin immediate', [])
      isTransaction = true
      const limitMs = currentLimitMs()
      cancelLimit = clock.after(limitMs, () => expire(limitMs))
    },
    async end(sql) {
      cancelLimit()
      if (sql === 'commit' && refusal) throw refusal
      // PostgreSQL cannot commit then; neither do we here, so that both stores agree.
      if (sql === 'commit' && failure) throw doomedError(failure)
      if (!isReleased) await engine.execute(sql, [])
    },
    release() {
      if (isReleased) return
      isReleased = true
      refusal ??= endedError()
      release()
    },
    async executeQuery<R>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<R>> {
      if (refusal) throw refusal
      try {
        const answer = await engine.execute(sql, parameters)
        const rows = rowsFrom<R>(answer)
        return query.kind === 'SelectQueryNode' ? { rows } : { rows, numAffectedRows: BigInt(answer.changes) }
      } catch (thrown) {
        if (isTransaction) failure ??= thrown
        throw thrown
      }
    },
    // biome-ignore lint/correctness/useYield: a driver must have the method; nothing in the house streams from SQL.
    async *streamQuery() {
      throw new AppError('unsupported', 'SQL statements cannot be streamed; read in pages')
    },
  }
}

function rowsFrom<R>({ columns, rows }: Answer): R[] {
  return rows.map((values) => {
    const row: Record<string, unknown> = {}
    for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i]
    return row as R
  })
}
