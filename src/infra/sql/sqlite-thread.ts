import { Worker } from 'node:worker_threads'
import { AppError } from '../../contract/errors.ts'
import { type Answer, openSqliteDatabase } from './sqlite-database.ts'
import { appErrorFromSqlite, type SqliteFault, sqliteFaultFrom } from './sqlite-errors.ts'

/** One SQLite database, wherever it runs. Every call throws an `AppError`. */
export type SqliteEngine = {
  execute(sql: string, parameters: readonly unknown[]): Promise<Answer>
  close(): Promise<void>
}

/** `sql: null` closes the database. Replies come in the order of the requests; id 0 answers the opening itself. */
export type Request = { readonly id: number; readonly sql: string | null; readonly parameters: readonly unknown[] }
export type Reply = { readonly id: number; readonly answer?: Answer; readonly fault?: SqliteFault }

type Waiting = { readonly resolve: (answer: Answer) => void; readonly reject: (error: AppError) => void }

/** Opens `file` in a thread of its own, so that a flush to disk never stops the event loop. */
export async function openSqliteThread(file: string): Promise<SqliteEngine> {
  const where = `the metadata database ${file}`
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: { file }, execArgv: [], name: 'sqlite' })
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let gone: AppError | undefined

  worker.on('message', ({ id, answer, fault }: Reply) => {
    const caller = waiting.get(id)
    waiting.delete(id)
    if (fault) caller?.reject(appErrorFromSqlite(fault, where))
    else caller?.resolve(answer!)
  })
  worker.on('error', (cause) => fail(new AppError('unavailable', `the thread of ${where} failed; restart Setpoint`, {}, cause)))
  worker.on('exit', () => fail(new AppError('unavailable', `${where} is closed`)))

  function fail(error: AppError) {
    gone ??= error
    for (const caller of waiting.values()) caller.reject(gone)
    waiting.clear()
  }

  function send(sql: string | null, parameters: readonly unknown[]): Promise<Answer> {
    if (gone) return Promise.reject(gone)
    const id = ++lastId
    return new Promise((resolve, reject) => {
      try {
        worker.postMessage({ id, sql, parameters } satisfies Request)
        waiting.set(id, { resolve, reject })
      } catch (cause) {
        reject(new AppError('internal', 'a value in a statement cannot be stored; use text, numbers or null', {}, cause))
      }
    })
  }

  await new Promise<Answer>((resolve, reject) => waiting.set(0, { resolve, reject }))
  return {
    execute: send,
    async close() {
      if (gone) return
      await send(null, [])
      gone = new AppError('unavailable', `${where} is closed`)
    },
  }
}

/** A database in memory, in the caller's thread: there is no disk to wait for. Gone when closed. */
export async function openSqliteInMemory(): Promise<SqliteEngine> {
  const where = 'the in-memory metadata database'
  const database = openSqliteDatabase(':memory:')
  let closed = false
  return {
    async execute(sql, parameters) {
      if (closed) throw new AppError('unavailable', `${where} is closed`)
      try {
        return database.execute(sql, parameters)
      } catch (thrown) {
        throw appErrorFromSqlite(sqliteFaultFrom(thrown), where)
      }
    },
    async close() {
      if (closed) return
      closed = true
      database.close()
    },
  }
}
