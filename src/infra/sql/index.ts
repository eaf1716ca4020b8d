export { createSql, type Sql, type Tx } from './sql.ts'
export type { Db } from './store.ts'
