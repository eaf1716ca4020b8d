export type InsertStatement = { readonly table: string; readonly columns: string; readonly format: string }

const shape = /^\s*INSERT\s+INTO\s+(?<table>[\w.`]+)\s*(?<columns>\([\w\s,`]*\))?\s+FORMAT\s+(?<format>\w+)\s*;?\s*$/i

/** Reads `INSERT INTO table (columns) FORMAT name`, the form in which a client announces rows that follow as a body. */
export function insertStatementFrom(sql: string): InsertStatement | undefined {
  const groups = shape.exec(sql)?.groups
  if (groups === undefined) return undefined
  return { table: groups.table!, columns: groups.columns ?? '', format: groups.format! }
}

/** A value as an SQL string literal. */
export function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}
