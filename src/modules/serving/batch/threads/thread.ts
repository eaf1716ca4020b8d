import { parentPort } from 'node:worker_threads'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import { assemble, joinTexts, readPart } from './assemble.ts'
import type { ChunkStats, TaskName, TaskReply, TaskRequest, Tasks } from './messages.ts'
import { describeFile, digestFile, scanKeys } from './scan.ts'
import { preview, score } from './score.ts'

// The thread of a pool: does one task at a time and answers with what it gives. What only some sources and destinations need
// is loaded when they do: a thread should start quickly.

type Note = (chunk: ChunkStats) => void
const tasks: { readonly [T in TaskName]: (given: Tasks[T]['given'], note: Note) => Promise<Tasks[T]['gives']> | Tasks[T]['gives'] } = {
  describe: describeFile,
  digest: digestFile,
  scan: scanKeys,
  stageCsv: async (given) => (await import('./stage-csv.ts')).stageCsv(given),
  stageSql: async (given) => (await import('./stage-sql.ts')).stageSql(given),
  stageRows: async (given) => (await import('./stage-rows.ts')).stageRows(given),
  score,
  preview,
  assemble,
  joinTexts,
  writeTable: async (given) => (await import('./tables.ts')).writeTable(given),
  swapTable: async (given) => (await import('./tables.ts')).swapTable(given),
  dropTable: async (given) => (await import('./tables.ts')).dropTable(given),
  readPart,
}

parentPort!.on('message', async ({ id, task, given }: TaskRequest) => {
  const send = (reply: TaskReply) => parentPort!.postMessage(reply)
  try {
    const run = tasks[task] as (given: unknown, note: Note) => unknown
    send({ id, gives: await run(given, (note) => send({ id, note })) })
  } catch (error) {
    const code = error instanceof AppError ? error.code : codeOf(error)
    send({ id, error: { code, message: messageFrom(error) } })
  }
})

/** What the disk or a broken file says, in the product’s codes. */
function codeOf(error: unknown) {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'storage_full'
  if (error instanceof RangeError) return 'invalid'
  return code === undefined ? 'internal' : 'unavailable'
}
