import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { limitsSuite } from '../../../../test/limits-suite.ts'
import { silentLog } from '../../../infra/log.ts'
import { createSql, type Sql } from '../../../infra/sql/index.ts'

const migrations = fileURLToPath(new URL('../../../../migrations/sql', import.meta.url))
const opened: Sql[] = []
afterAll(() => Promise.all(opened.map((sql) => sql.close())))

limitsSuite('on one SQLite', async (connections) => {
  const sql = await createSql({ migrations, log: silentLog })
  opened.push(sql)
  return Array.from({ length: connections }, () => sql)
})
