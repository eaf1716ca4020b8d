import { AsyncLocalStorage } from 'node:async_hooks'
import { AppError, messageFrom } from '../../contract/errors.ts'
import { type Clock, sleep, systemClock } from '../clock.ts'
import type { Log } from '../log.ts'
import { applyMigrations, type Migration, readMigrations } from './migrations.ts'
import { openSqlite, type Sharing } from './sqlite.ts'
import type { Db, Dialect, Store } from './store.ts'

export type Tx = Db & {
  /** Calls `run` once the transaction is committed, in the order given; what it throws is logged. Never after a rollback. */
  afterCommit(run: () => void): void
}

type SqlHealth = { readonly status: 'ok' | 'down'; readonly detail: string }

export type Sql = Db & {
  readonly dialect: Dialect
  /**
   * Runs `run` in one transaction: all of it is stored, and survives power loss, when the promise resolves; none of it
   * when `run` throws. It may run more than once on PostgreSQL (READ COMMITTED, repeated after a serialisation failure
   * or a deadlock), so it must have no effect but through `tx`; there, lock what you read to change with `forUpdate`.
   * A statement that failed dooms the transaction, whoever catches its error. Throws what `run` throws, `timeout` when
   * held longer than the limit, `unavailable` when the store is gone: then it may have been stored if `details.outcome`
   * is `unknown`.
   */
  transaction<R>(run: (tx: Tx) => Promise<R>): Promise<R>
  /**
   * Wakes the listeners of `channel` in every process that shares the store, once what `to` does is committed. A hint,
   * not a message: it may be lost with a connection, so whoever listens also looks at the tables now and then.
   */
  notify(to: Db | Tx, channel: string): Promise<void>
  /** Calls `run` at every notice on `channel`; returns a function that ends it. */
  listen(channel: string, run: () => void): () => void
  health(): Promise<SqlHealth>
  close(): Promise<void>
}

export type SqlOptions = {
  /** A PostgreSQL database, `postgres://user:password@host:5432/database`, or a file. */
  readonly url?: string
  /** The SQLite file. Absent with `url` absent: a database in memory. */
  readonly file?: string
  /** Whether other processes have the file too: those that its owner started, as its guests. */
  readonly sharing?: Sharing
  /** The folder of migrations, applied before the promise resolves. */
  readonly migrations: string
  readonly log: Log
  readonly clock?: Clock
  /** How long one transaction may last. */
  readonly transactionLimitMs?: number
  /** From 0 to below 1; spreads the repeats of transactions that met. */
  readonly random?: () => number
}

const TRANSACTION_LIMIT_MS = 30_000
const ATTEMPTS = 6
const RETRY_DELAY_MS = 15

/**
 * Opens the metadata store and brings its tables up to date. Throws `conflict` when another process has the file, or
 * when the tables and the migrations do not fit; `unavailable` when the store cannot be reached.
 */
export async function createSql(options: SqlOptions): Promise<Sql> {
  const { log, clock = systemClock, transactionLimitMs: limitMs = TRANSACTION_LIMIT_MS, random = Math.random } = options
  const scope = new AsyncLocalStorage<{ open: boolean }>()
  let closed = false
  const assertUsable = () => {
    if (closed) throw new AppError('unavailable', 'the metadata store is closed')
    if (!scope.getStore()?.open) return
    throw new AppError('internal', 'a statement outside the transaction was called from inside it; use the db of the transaction')
  }
  const migrations = await readMigrations(options.migrations)
  const notices = createNotices()
  // One transaction tells one channel once, however often it is asked to.
  const told = new WeakMap<Tx, Set<string>>()
  const deps = { log, clock, limitMs, random, assertUsable, heard: notices.emit, missed: notices.emitAll }
  // The client of PostgreSQL is loaded only where it is used.
  const store = await (options.url === undefined
    ? openSqlite(options.file, deps, options.sharing)
    : (await import('./postgres.ts')).openPostgres(options.url, deps))
  try {
    await migrate(store, migrations, { log, clock })
  } catch (thrown) {
    await store.close()
    throw thrown
  }
  return {
    dialect: store.dialect,
    db: store.db,
    transaction: createTransaction(store, { scope, clock, log, random }),
    async notify(to, channel) {
      if ('afterCommit' in to) {
        const channels = told.get(to) ?? new Set()
        if (channels.has(channel)) return
        told.set(to, channels.add(channel))
        to.afterCommit(() => notices.emit(channel))
        await store.tell(to, channel)
      } else {
        await store.tell(to, channel)
        notices.emit(channel)
      }
    },
    listen(channel, run) {
      store.hear()
      return notices.on(channel, run)
    },
    health: () => healthOf(store, clock),
    async close() {
      if (closed) return
      closed = true
      await store.close()
    },
  }
}

function createNotices() {
  const listeners = new Map<string, Set<() => void>>()
  return {
    on(channel: string, run: () => void): () => void {
      const own = () => run()
      const set = listeners.get(channel) ?? new Set()
      listeners.set(channel, set.add(own))
      return () => {
        set.delete(own)
      }
    },
    emit(channel: string) {
      for (const run of listeners.get(channel) ?? []) run()
    },
    emitAll() {
      for (const runs of listeners.values()) for (const run of runs) run()
    },
  }
}

async function migrate(store: Store, migrations: readonly Migration[], { log, clock }: { log: Log; clock: Clock }) {
  const { dialect } = store
  const applied = await store.alone((db) => applyMigrations({ db }, { migrations, dialect, nowMs: clock.now() }))
  if (applied.length > 0) log.info('sql.migrated', { store: store.name, files: applied })
}

type TransactionDeps = {
  readonly scope: AsyncLocalStorage<{ open: boolean }>
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
}

function createTransaction(store: Store, { scope, clock, log, random }: TransactionDeps): Sql['transaction'] {
  async function attempt<R>(run: (tx: Tx) => Promise<R>): Promise<R> {
    const hooks: (() => void)[] = []
    const state = { open: true }
    try {
      const result = await store.db
        .transaction()
        .execute((db) => scope.run(state, () => run({ db, afterCommit: (hook) => hooks.push(hook) })))
      state.open = false
      for (const hook of hooks) runHook(hook, log)
      return result
    } finally {
      state.open = false
    }
  }

  return async (run) => {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(run)
      } catch (thrown) {
        if (tried === ATTEMPTS || !store.isRetryable(thrown)) throw thrown
        log.debug('sql.transaction_repeated', { tried, error: messageFrom(thrown) })
        // Growing and uneven, so that two transactions that met once do not meet again.
        await sleep(clock, RETRY_DELAY_MS * tried * (1 + random()))
      }
    }
  }
}

function runHook(hook: () => void, log: Log) {
  try {
    hook()
  } catch (error) {
    log.error('sql.after_commit_failed', { error })
  }
}

async function healthOf(store: Store, clock: Clock): Promise<SqlHealth> {
  const startedAtMs = clock.now()
  try {
    await store.db.selectNoFrom((eb) => eb.lit(1).as('one')).execute()
    return { status: 'ok', detail: `${store.name} answered in ${clock.now() - startedAtMs} ms` }
  } catch (thrown) {
    return { status: 'down', detail: messageFrom(thrown) }
  }
}
