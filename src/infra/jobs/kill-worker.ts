/**
 * A process for the kill test: works off the jobs of a store, each adding one row to `effects`, and says so on standard
 * output. Arguments: a file or the address of a PostgreSQL, the folder of migrations, the length of a lease in ms.
 */

import { systemClock } from '../clock.ts'
import { createIds } from '../ids.ts'
import { silentLog } from '../log.ts'
import { createSql } from '../sql/index.ts'
import { createJobs } from './index.ts'

const [store, migrations, leaseMs] = process.argv.slice(2)
const where = store!.startsWith('postgres:') ? { url: store! } : { file: store! }
const sql = await createSql({ ...where, migrations: migrations!, log: silentLog })
const jobs = createJobs({
  sql,
  clock: systemClock,
  ids: createIds(systemClock),
  random: Math.random,
  log: silentLog,
  concurrency: 3,
  leaseMs: Number(leaseMs ?? 30_000),
})

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
