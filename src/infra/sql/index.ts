export { createSql, type Db, type Dialect, type Sql, type SqlHealth, type SqlOptions, type Tables0, type Tx } from './sql.ts'
