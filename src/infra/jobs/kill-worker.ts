/**
 * A process for the kill test: works off the jobs of an SQLite file, each adding one row to `effects`, and says so on
 * standard output. Arguments: the file, the folder of migrations.
 */

import { systemClock } from '../clock.ts'
import { createIds } from '../ids.ts'
import { silentLog } from '../log.ts'
import { createSql } from '../sql/index.ts'
import { createJobs } from './index.ts'

const [file, migrations] = process.argv.slice(2)
const sql = await createSql({ file: file!, migrations: migrations!, log: silentLog })
const jobs = createJobs({ sql, clock: systemClock, ids: createIds(systemClock), random: Math.random, log: silentLog, concurrency: 3 })

jobs.define('add', {
  run: async ({ job, completeIn }) => {
    await sql.transaction(async (tx) => {
      await tx.db.withTables<{ effects: { job: string } }>().insertInto('effects').values({ job: job.id }).execute()
      await completeIn(tx)
    })
    process.stdout.write('.')
  },
})
await jobs.start()
await jobs.settle()
process.stdout.write('!')
await jobs.stop()
await sql.close()
