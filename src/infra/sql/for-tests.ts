import { fileURLToPath } from 'node:url'
import { afterAll, describe } from 'vitest'
import { silentLog } from '../log.ts'
import { createSql, type Sql } from './sql.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../migrations/sql', import.meta.url))

/** Opens an empty, migrated store; it is closed after the suite. */
export type OpenSql = () => Promise<Sql>

/** Declares a suite once per store. In memory always. */
export function eachSql(run: (name: string, open: OpenSql) => void, { migrations = MIGRATIONS }: { migrations?: string } = {}) {
  describe('on SQLite', () => {
    const opened: Sql[] = []
    afterAll(() => Promise.all(opened.map((sql) => sql.close())))
    run('sqlite', async () => {
      const sql = await createSql({ migrations, log: silentLog })
      opened.push(sql)
      return sql
    })
  })
}
