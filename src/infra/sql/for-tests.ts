import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { afterAll, describe, inject, test } from 'vitest'
import { silentLog } from '../log.ts'
import { createSql, type Sql } from './sql.ts'

/** What the services' configuration provides: a server, or why there is none. Absent in the default suite, which needs none. */
type PostgresForTests = { readonly url: string } | { readonly skipped: string }

declare module 'vitest' {
  interface ProvidedContext {
    postgres?: PostgresForTests
  }
}

const MIGRATIONS = fileURLToPath(new URL('../../../migrations/sql', import.meta.url))

/** Opens an empty, migrated store; it is closed after the suite. */
export type OpenSql = () => Promise<Sql>

/**
 * Declares a suite once per store: on SQLite in memory always, and on PostgreSQL when vitest runs with
 * `--config test/services/vitest.config.ts`. There every store has a schema of its own, dropped afterwards.
 */
export function eachSql(
  run: (name: 'sqlite' | 'postgresql', open: OpenSql) => void,
  { migrations = MIGRATIONS }: { migrations?: string } = {},
) {
  describe('on SQLite', () => {
    const opened: Sql[] = []
    afterAll(() => Promise.all(opened.map((sql) => sql.close())))
    run('sqlite', async () => {
      const sql = await createSql({ migrations, log: silentLog })
      opened.push(sql)
      return sql
    })
  })
  const postgres = inject('postgres')
  if (!postgres) return
  if ('skipped' in postgres) return test.skip(`on PostgreSQL, skipped: ${postgres.skipped}`, () => {})
  describe('on PostgreSQL', () => {
    const opened: Sql[] = []
    const schemas: string[] = []
    afterAll(async () => {
      await Promise.all(opened.map((sql) => sql.close()))
      await dropSchemas(postgres.url, schemas)
    })
    run('postgresql', async () => {
      const { url, schema } = await createSchema(postgres.url)
      schemas.push(schema)
      const sql = await createSql({ url, migrations, log: silentLog })
      opened.push(sql)
      return sql
    })
  })
}

/** An empty schema in the database at `url`, and the address that works in it. */
export async function createSchema(url: string): Promise<{ url: string; schema: string }> {
  const schema = `test_${randomBytes(6).toString('hex')}`
  await execute(url, [`CREATE SCHEMA ${schema}`])
  const own = new URL(url)
  own.searchParams.set('options', `-c search_path=${schema}`)
  return { url: own.href.replaceAll('+', '%20'), schema }
}

export function dropSchemas(url: string, schemas: readonly string[]): Promise<void> {
  return execute(
    url,
    schemas.map((schema) => `DROP SCHEMA ${schema} CASCADE`),
  )
}

async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}
