import { Readable } from 'node:stream'
import { type ClickHouseClient, type ClickHouseSettings, createClient, drainStream } from '@clickhouse/client'
import { AppError } from '../../contract/errors.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Log } from '../log.ts'
import { readAddress } from './address-file.ts'
import { failureFrom, isConnectionLost } from './failure.ts'
import { type ColumnsLimits, defaultColumnsLimits, readingSettings } from './limits.ts'
import { applyColumnMigrations } from './migrations.ts'
import { type Block, nativeFrom } from './native.ts'
import { createReadingGuard, type ReadingGuard } from './reading.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

export type QueryOptions = { readonly maxMs?: number; readonly signal?: AbortSignal }

export type ColumnsHealth = {
  readonly up: boolean
  readonly kind: 'embedded' | 'clickhouse'
  readonly restarts: number
  readonly version?: string
  /** The process that holds the embedded store. */
  readonly pid?: number
  /** Why it is not up. */
  readonly problem?: string
}

/** The telemetry store: ClickHouse's SQL, embedded (chDB in a child process) or on a server, through one client. */
export type Columns = {
  /**
   * Runs one SELECT in a session that can change nothing. Values go in as `{name:Type}` parameters. 64-bit integers
   * come back as numbers, exact to 2^53. Throws `forbidden`, `timeout`, `too_large`, `cancelled`, `unavailable`.
   */
  query<T>(sql: string, params?: Readonly<Record<string, unknown>>, options?: QueryOptions): Promise<T[]>
  /** Inserts rows as JSON; a second insert with the same `token` counts once, whatever happened to the first. */
  insert(table: string, rows: readonly object[], options: { readonly token: string }): Promise<void>
  /** Inserts a block of columns, at about a third of the cost of rows; at most 65,536 rows so that it stays one part per partition. */
  insertBlock(table: string, block: Block, options: { readonly token: string }): Promise<void>
  /** Runs a statement that changes the schema or the data. */
  execute(sql: string): Promise<void>
  health(): Promise<ColumnsHealth>
  close(): Promise<void>
}

export type ColumnsOptions = {
  /** `http(s)://user:password@host:8123/database`; without it the store is embedded. */
  readonly url?: string
  /** Of an embedded store: whether the process that holds it is another’s, which has left its address in the folder. */
  readonly guest?: boolean
  readonly folder: string
  /** The folder of `NNNN-module-what.sql` files. */
  readonly migrations: string
  readonly log: Log
  readonly clock: Clock
  readonly limits?: Partial<ColumnsLimits>
}

const DATABASE = 'setpoint'
const RETRY_MS = 50
const HEALTH_MS = 2_000
const MAX_BLOCK_ROWS = 65_536

/** Opens the store and applies the migrations. Throws as `createSupervisor` does, or `unavailable` when a server does not answer. */
export async function createColumns(options: ColumnsOptions): Promise<Columns> {
  const limits: ColumnsLimits = { ...defaultColumnsLimits, ...options.limits }
  const link = await (options.url !== undefined
    ? serverLink(options.url, limits)
    : options.guest
      ? guestLink(options, limits)
      : embeddedLink(options, limits))
  const columns = columnsOver(link, limits, options.clock)
  if (options.guest) return columns
  try {
    await applyColumnMigrations(columns, options.migrations, options.clock, options.log)
  } catch (thrown) {
    await columns.close()
    throw thrown
  }
  return columns
}

/** How statements reach the store: a client that may change when the child restarts. */
type Link = {
  readonly kind: 'embedded' | 'clickhouse'
  client(waitMs: number): Promise<ClickHouseClient>
  readonly supervisor?: Supervisor
  close(): Promise<void>
}

function clientOf(url: string, database: string, limits: ColumnsLimits, auth?: { username: string; password: string }): ClickHouseClient {
  return createClient({
    url,
    database,
    ...auth,
    application: 'setpoint',
    request_timeout: Math.max(limits.queryMs, limits.writeMs) + limits.waitMs,
    max_open_connections: limits.readers * 2 + 4,
    compression: { request: false, response: false },
    log: { level: 127 },
  })
}

/** The store that another process holds: its address is read anew for each statement, for it changes with every restart. */
function guestLink({ folder }: ColumnsOptions, limits: ColumnsLimits): Link {
  let known: { url: string; client: ClickHouseClient } | undefined
  return {
    kind: 'embedded',
    async client() {
      const { url, secret } = readAddress(folder)
      if (known?.url !== url) {
        void known?.client.close()
        known = { url, client: clientOf(url, DATABASE, limits, { username: 'setpoint', password: secret }) }
      }
      return known.client
    },
    async close() {
      await known?.client.close()
    },
  }
}

async function embeddedLink(options: ColumnsOptions, limits: ColumnsLimits): Promise<Link> {
  const supervisor = await createSupervisor({ folder: options.folder, limits, clock: options.clock, log: options.log })
  let known: { url: string; client: ClickHouseClient } | undefined
  return {
    kind: 'embedded',
    supervisor,
    async client(waitMs) {
      const { url, secret } = await supervisor.address(waitMs)
      if (known?.url !== url) {
        void known?.client.close()
        known = { url, client: clientOf(url, DATABASE, limits, { username: 'setpoint', password: secret }) }
      }
      return known.client
    },
    async close() {
      await supervisor.close()
      await known?.client.close()
    },
  }
}

async function serverLink(address: string, limits: ColumnsLimits): Promise<Link> {
  const url = new URL(address)
  const auth = { username: decodeURIComponent(url.username) || 'default', password: decodeURIComponent(url.password) }
  const database = url.pathname.slice(1) || DATABASE
  if (!/^\w+$/.test(database))
    throw new AppError('invalid', `the database name ${database} in the ClickHouse address may hold letters, digits and underscores`)
  const origin = `${url.protocol}//${url.host}`
  const first = clientOf(origin, 'default', limits, auth)
  try {
    await first.command({ query: `CREATE DATABASE IF NOT EXISTS ${database} ENGINE = Atomic` })
  } catch (thrown) {
    throw isConnectionLost(thrown)
      ? new AppError(
          'unavailable',
          `the ClickHouse server at ${url.host} does not answer; check the address and that it runs`,
          { host: url.host },
          thrown,
        )
      : failureFrom(thrown, 'the first statement')
  } finally {
    await first.close()
  }
  const client = clientOf(origin, database, limits, auth)
  return { kind: 'clickhouse', client: () => Promise.resolve(client), close: () => client.close() }
}

type Statements = ReturnType<typeof createStatements>

/** Sends statements over a link: settings, retries, errors. */
function createStatements(link: Link, limits: ColumnsLimits, clock: Clock) {
  /** Runs `task`; when the store goes away under it and doing it twice is harmless, does it again once the store is back. */
  async function attempt<T>(operation: string, isRepeatable: boolean, task: (client: ClickHouseClient) => Promise<T>): Promise<T> {
    const deadlineMs = clock.now() + limits.waitMs
    for (;;) {
      const client = await link.client(Math.max(0, deadlineMs - clock.now()))
      try {
        return await task(client)
      } catch (thrown) {
        if (!isConnectionLost(thrown) || !isRepeatable || clock.now() >= deadlineMs) throw failureFrom(thrown, operation)
        await sleep(clock, RETRY_MS)
      }
    }
  }

  const reading = (maxMs: number): ClickHouseSettings => ({
    ...readingSettings(limits, maxMs),
    cancel_http_readonly_queries_on_client_close: 1,
  })

  return {
    attempt,
    select<T>(sql: string, params: Readonly<Record<string, unknown>>, { maxMs = limits.queryMs, signal }: QueryOptions): Promise<T[]> {
      return attempt('a query', true, async (client) => {
        const result = await client.query({
          query: sql,
          query_params: { ...params },
          format: 'JSONEachRow',
          clickhouse_settings: reading(Math.min(maxMs, limits.queryMs)),
          ...(signal === undefined ? {} : { abort_signal: signal }),
        })
        return result.json<T>()
      })
    },
    async version(): Promise<string> {
      const client = await link.client(0)
      const result = await client.query({
        query: 'SELECT version() AS version',
        format: 'JSONEachRow',
        clickhouse_settings: reading(HEALTH_MS),
      })
      return (await result.json<{ version: string }>())[0]!.version
    },
  }
}

/** The guard for reading queries, made once from what the store says it can do. */
function createGuard(statements: Statements): (sql: string) => Promise<string | undefined> {
  let guard: Promise<ReadingGuard> | undefined
  async function load(): Promise<ReadingGuard> {
    try {
      const rows = await statements.select<{ name: string }>('SELECT name FROM system.table_functions', {}, {})
      return createReadingGuard(rows.map((row) => row.name))
    } catch (thrown) {
      guard = undefined
      throw thrown
    }
  }
  return async (sql) => {
    guard ??= load()
    return (await guard)(sql)
  }
}

const inserting = (token: string): ClickHouseSettings => ({
  insert_deduplication_token: token,
  insert_deduplicate: 1,
  input_format_parallel_parsing: 0,
})

function columnsOver(link: Link, limits: ColumnsLimits, clock: Clock): Columns {
  const statements = createStatements(link, limits, clock)
  const guard = createGuard(statements)
  return {
    async query(sql, params = {}, queryOptions = {}) {
      const reason = await guard(sql)
      if (reason !== undefined) throw new AppError('forbidden', `${reason}: ${sql.slice(0, 80)}`)
      if (queryOptions.signal?.aborted) throw new AppError('cancelled', 'the query was cancelled before it began')
      return statements.select(sql, params, queryOptions)
    },
    async insert(table, rows, { token }) {
      if (rows.length === 0) return
      const settings = inserting(token)
      await statements.attempt(`an insert into ${table}`, true, (client) =>
        client.insert({ table, values: rows, format: 'JSONEachRow', clickhouse_settings: settings }),
      )
    },
    async insertBlock(table, block, { token }) {
      if (block.rows === 0) return
      if (block.rows > MAX_BLOCK_ROWS)
        throw new AppError('too_large', `a block holds at most ${MAX_BLOCK_ROWS} rows, not ${block.rows}; split it`)
      const bytes = nativeFrom(block)
      const query = `INSERT INTO ${table} (${block.columns.map((column) => column.name).join(', ')}) FORMAT Native`
      await statements.attempt(`an insert into ${table}`, true, async (client) => {
        const values = Readable.from([bytes], { objectMode: false })
        const { stream } = await client.exec({ query, values, clickhouse_settings: inserting(token) })
        await drainStream(stream)
      })
    },
    async execute(sql) {
      await statements.attempt('a statement', false, (client) => client.command({ query: sql }))
    },
    async health() {
      const known = { kind: link.kind, restarts: link.supervisor?.restarts() ?? 0 }
      try {
        const version = await statements.version()
        const pid = link.supervisor === undefined ? {} : { pid: (await link.supervisor.address(0)).pid }
        return { ...known, up: true, version, ...pid }
      } catch (thrown) {
        return { ...known, up: false, problem: failureFrom(thrown, 'a health check').message }
      }
    },
    close: link.close,
  }
}
