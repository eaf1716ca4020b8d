export { createSql, type Sql, type SqlHealth, type SqlOptions, type Tx } from './sql.ts'
export type { Db, Dialect, Tables0 } from './store.ts'
