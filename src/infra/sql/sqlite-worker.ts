import { parentPort, workerData } from 'node:worker_threads'
import { openSqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'
import { sqliteFaultFrom } from './sqlite-errors.ts'
import type { Reply, Request } from './sqlite-thread.ts'

const port = parentPort!

function open(): SqliteDatabase | undefined {
  try {
    const database = openSqliteDatabase((workerData as { file: string }).file)
    port.postMessage({ id: 0, answer: { columns: [], rows: [], changes: 0 } } satisfies Reply)
    return database
  } catch (thrown) {
    port.postMessage({ id: 0, fault: sqliteFaultFrom(thrown) } satisfies Reply)
    return undefined
  }
}

const database = open()

function answer({ id, sql, parameters }: Request): Reply {
  try {
    if (sql !== null) return { id, answer: database!.execute(sql, parameters) }
    database!.close()
    return { id, answer: { columns: [], rows: [], changes: 0 } }
  } catch (thrown) {
    return { id, fault: sqliteFaultFrom(thrown) }
  }
}

if (database) {
  port.on('message', (request: Request) => {
    const reply = answer(request)
    port.postMessage(reply)
    if (request.sql === null) port.close()
  })
}
