import { afterAll, describe, inject } from 'vitest'
import { silentLog } from '../../src/infra/log.ts'
import { createSchema, dropSchemas } from '../../src/infra/sql/for-tests.ts'
import { createSql, type Sql } from '../../src/infra/sql/index.ts'
import { limitsSuite } from '../limits-suite.ts'

const provided = inject('postgres')
const server = provided && 'url' in provided ? provided.url : undefined
const migrations = new URL('../../migrations/sql', import.meta.url).pathname

describe.skipIf(!server)('several processes that serve from one PostgreSQL', () => {
  const opened: Sql[] = []
  const schemas: string[] = []
  afterAll(async () => {
    await Promise.all(opened.map((sql) => sql.close()))
    await dropSchemas(server!, schemas)
  })

  limitsSuite('on one PostgreSQL, each with connections of its own', async (connections) => {
    const { url, schema } = await createSchema(server!)
    schemas.push(schema)
    const stores = await Promise.all(Array.from({ length: connections }, () => createSql({ url, migrations, log: silentLog })))
    opened.push(...stores)
    return stores
  })
})
