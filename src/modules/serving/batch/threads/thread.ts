import { parentPort } from 'node:worker_threads'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import { assemble, joinTexts, readPart } from './assemble.ts'
import type { ChunkStats, TaskName, TaskReply, TaskRequest, Tasks } from './messages.ts'
import { describeFile, digestFile, scanKeys } from './scan.ts'
import { preview, score } from './score.ts'
import { stageCsv } from './stage-csv.ts'
import { stageRows } from './stage-rows.ts'
import { stageSql } from './stage-sql.ts'
import { dropTable, swapTable, writeTable } from './tables.ts'

// The thread of a pool: does one task at a time and answers with what it gives.

type Note = (chunk: ChunkStats) => void
const tasks: { readonly [T in TaskName]: (given: Tasks[T]['given'], note: Note) => Promise<Tasks[T]['gives']> | Tasks[T]['gives'] } = {
  describe: describeFile,
  digest: digestFile,
  scan: scanKeys,
  stageCsv,
  stageSql,
  stageRows,
  score,
  preview,
  assemble,
  joinTexts,
  writeTable,
  swapTable,
  dropTable,
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
