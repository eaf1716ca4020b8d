import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Session } from 'chdb'
import { type InsertStatement, quote } from './insert-statement.ts'
import { type ColumnsLimits, engineWriters, readingSettings } from './limits.ts'
import { createReadingGuard } from './reading.ts'
import { createPool } from './sessions.ts'

/** A failure with the number ClickHouse gives it, so that a client sees the same from chDB and from a server. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly number: number

  constructor(number: number, message: string, symbol: string) {
    super(`Code: ${number}. DB::Exception: ${message} (${symbol})`)
    this.number = number
  }
}

export type Engine = {
  /** Runs one reading query, for `maxMs` or (0) the limit, in a session that can change nothing. Aborting `signal` kills it. */
  read(sql: string, parameters: ReadonlyMap<string, string>, maxMs: number, signal: AbortSignal): Promise<Uint8Array>
  /** Runs a statement that changes the schema or the data, and makes a schema change durable. */
  write(sql: string): Promise<Uint8Array>
  /** Inserts a body of rows; the same `token` a second time inserts nothing. */
  insert(statement: InsertStatement, body: Uint8Array, token: string): Promise<void>
  /** Waits for what runs and releases the folder. */
  close(): Promise<void>
}

const DATABASE = 'setpoint'
const KILL_AGAIN_MS = 200
/** The addon reads these straight from memory; a binary body it would cut short at the first zero byte, so that goes by a file. */
const textFormats: ReadonlySet<string> = new Set(['JSONEachRow', 'JSONCompactEachRow', 'CSV', 'TabSeparated'])

/**
 * Opens chDB on `folder` and lends out its sessions. One process can open one folder; the engine's own lock refuses a
 * second process. Throws chDB's error when the folder cannot be opened.
 */
export async function openEngine(folder: string, limits: ColumnsLimits): Promise<Engine> {
  const chdb = await import('chdb')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'store')
  const config = join(folder, `engine-${process.pid}.xml`)
  let control: Session
  try {
    writeFileSync(config, engineConfig(limits))
    control = new chdb.Session(path, { connectionArgs: [`--config-file=${config}`] })
  } finally {
    rmSync(config, { force: true })
  }
  // From here on the engine's lock is ours, so nobody else writes here.
  const incoming = join(folder, 'incoming')
  rmSync(incoming, { recursive: true, force: true })
  mkdirSync(incoming)
  await control.queryAsync(`CREATE DATABASE IF NOT EXISTS ${DATABASE} ENGINE = Atomic`)
  const open = async (settings: string) => {
    const session = new chdb.Session(path)
    await session.queryAsync(`USE ${DATABASE}`)
    await session.queryAsync(`SET ${settings}`)
    return session
  }
  const readers = await times(limits.readers, () => open(settingsSql(readingSettings(limits, limits.queryMs))))
  const writers = await times(engineWriters, () => open(settingsSql(writingSettings(limits))))
  const names = (await control.queryAsync('SELECT name FROM system.table_functions', { format: 'TabSeparated' })).text()
  syncFolders(folder, 4)
  return engineOver(folder, control, readers, writers, names.split('\n').filter(Boolean), limits)
}

function engineOver(
  folder: string,
  control: Session,
  readers: readonly Session[],
  writers: readonly Session[],
  tableFunctions: readonly string[],
  limits: ColumnsLimits,
): Engine {
  const full = () => new EngineError(202, `${limits.waiting} queries already wait; send fewer at a time.`, 'TOO_MANY_SIMULTANEOUS_QUERIES')
  const reading = createPool(readers, limits.waiting, full)
  const writing = createPool(writers, limits.waiting, full)
  const guard = createReadingGuard(tableFunctions)
  const bind = createBinding()
  const files = join(folder, 'incoming')
  let count = 0
  return {
    async read(sql, parameters, maxMs, signal) {
      const reason = guard(sql)
      if (reason !== undefined) throw new EngineError(164, `${reason}.`, 'READONLY')
      const allowedMs = maxMs > 0 ? Math.min(maxMs, limits.queryMs) : limits.queryMs
      const deadline = AbortSignal.timeout(allowedMs)
      return reading.run(async (session) => {
        await bind(session, parameters)
        try {
          return await killable(control, session, `/*read-${count++}*/`, sql, AbortSignal.any([signal, deadline]))
        } catch (thrown) {
          if (deadline.aborted) throw new EngineError(159, `the query ran longer than ${allowedMs} ms.`, 'TIMEOUT_EXCEEDED')
          throw thrown
        }
      })
    },
    async write(sql) {
      const result = await writing.run((session) => session.queryAsync(sql, { format: 'TabSeparated' }))
      if (!/^\s*(?:insert|select)\b/i.test(sql)) syncFolders(folder, 4)
      return result.bytes()
    },
    async insert(statement, body, token) {
      const isText = textFormats.has(statement.format)
      const file = join(files, `${count++}`)
      await writing.run((session) =>
        isText ? insertText(session, statement, body, token) : insertFile(session, statement, body, token, file),
      )
    },
    async close() {
      await Promise.all([reading.idle(), writing.idle()])
      for (const session of [...readers, ...writers, control]) session.close()
    },
  }
}

/** Makes a function that sets a session's parameters to these and empties those of the query before. */
function createBinding(): (session: Session, parameters: ReadonlyMap<string, string>) => Promise<void> {
  const bound = new WeakMap<Session, ReadonlyMap<string, string>>()
  return async (session, parameters) => {
    const cleared = [...(bound.get(session)?.keys() ?? [])].filter((name) => !parameters.has(name)).map((name) => [name, ''] as const)
    const all = [...parameters, ...cleared]
    if (all.length === 0) return
    bound.set(session, parameters)
    await session.queryAsync(`SET ${all.map(([name, value]) => `${name} = ${quote(value)}`).join(', ')}`)
  }
}

/** Runs a query that ends when `stop` aborts. The engine is asked again and again: the first time may be before it lists the query. */
async function killable(control: Session, session: Session, tag: string, sql: string, stop: AbortSignal): Promise<Uint8Array> {
  stop.throwIfAborted()
  // A kill that fails changes nothing: it is asked for again until the query has ended.
  const kill = () => void control.queryAsync(`KILL QUERY WHERE startsWith(query, ${quote(tag)}) ASYNC`).catch(() => undefined)
  let timer: NodeJS.Timeout | undefined
  const onStop = () => {
    kill()
    timer = setInterval(kill, KILL_AGAIN_MS)
  }
  stop.addEventListener('abort', onStop)
  try {
    return (await session.queryAsync(tag + sql, { format: 'TabSeparated' })).bytes()
  } finally {
    stop.removeEventListener('abort', onStop)
    clearInterval(timer)
    // A session keeps a query that was killed, and lists it as running, until its next one.
    if (stop.aborted) await session.queryAsync('SELECT 1')
  }
}

async function insertFile(session: Session, statement: InsertStatement, body: Uint8Array, token: string, file: string): Promise<void> {
  const settings = token === '' ? '' : `SETTINGS insert_deduplication_token = ${quote(token)}`
  try {
    await writeFile(file, body)
    await session.queryAsync(
      `INSERT INTO ${statement.table} ${statement.columns} ${settings} SELECT * FROM file(${quote(file)}, ${quote(statement.format)})`,
    )
  } finally {
    await rm(file, { force: true })
  }
}

async function insertText(session: Session, statement: InsertStatement, body: Uint8Array, token: string): Promise<void> {
  const columns = statement.columns.replaceAll(/[()`\s]/g, '')
  await session.insert({
    table: statement.table.replaceAll('`', ''),
    values: body,
    format: statement.format as 'JSONEachRow',
    ...(columns === '' ? {} : { columns: columns.split(',') }),
    ...(token === '' ? {} : { settings: { insert_deduplication_token: token } }),
  })
}

/** What the engine must be told before it opens; the merge-tree part is what keeps acknowledged rows through a power loss. */
function engineConfig(limits: ColumnsLimits): string {
  const mergeTree = {
    fsync_after_insert: 1,
    fsync_part_directory: 1,
    min_rows_to_fsync_after_merge: 1,
    min_compressed_bytes_to_fsync_after_merge: 1,
    max_suspicious_broken_parts: 1_000_000,
  }
  const lines = Object.entries(mergeTree).map(([name, value]) => `<${name}>${value}</${name}>`)
  return `<clickhouse>
<max_server_memory_usage>${limits.memoryBytes}</max_server_memory_usage>
<mark_cache_size>134217728</mark_cache_size>
<merge_tree>${lines.join('')}</merge_tree>
</clickhouse>
`
}

function settingsSql(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${typeof value === 'number' ? value : quote(value)}`)
    .join(', ')
}

function writingSettings(limits: ColumnsLimits) {
  return {
    max_execution_time: Math.ceil(limits.writeMs / 1000),
    max_memory_usage: limits.queryMemoryBytes,
    input_format_parallel_parsing: 0,
  }
}

async function times<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let i = 0; i < count; i++) made.push(await make())
  return made
}

/** Flushes the folders themselves, `depth` levels down: a new table is a new name in a folder, lost otherwise with the power. */
function syncFolders(folder: string, depth: number): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  if (depth === 0) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) syncFolders(join(folder, entry.name), depth - 1)
  }
}
