import { CompiledQuery } from 'kysely'
import type { Db } from '../../../infra/sql/index.ts'

export type Insertion = {
  readonly table: string
  readonly columns: readonly string[]
  /** What follows the values, such as `ON CONFLICT DO NOTHING`. */
  readonly tail: string
}
type Dialect = 'sqlite' | 'postgresql'

/** Statements come in few lengths, so that each is compiled once and then found by its text. */
const sizes = [256, 64, 16, 4, 1] as const

/** Inserts many rows in few statements, without building each value into a query’s tree. */
export function createInsertRows(dialect: Dialect) {
  const texts = new Map<string, string>()

  function textOf({ table, columns, tail }: Insertion, size: number): string {
    const name = `${table} ${size} ${tail}`
    const known = texts.get(name)
    if (known !== undefined) return known
    let at = 0
    const row = () => `(${columns.map(() => (dialect === 'postgresql' ? `$${++at}` : '?')).join(', ')})`
    const text = `insert into ${table} (${columns.join(', ')}) values ${Array.from({ length: size }, row).join(', ')} ${tail}`
    texts.set(name, text)
    return text
  }

  return async (db: Db, insertion: Insertion, rows: readonly (readonly unknown[])[]): Promise<void> => {
    let at = 0
    while (at < rows.length) {
      const size = sizes.find((size) => size <= rows.length - at)!
      await db.db.executeQuery(CompiledQuery.raw(textOf(insertion, size), rows.slice(at, at + size).flat()))
      at += size
    }
  }
}
export type InsertRows = ReturnType<typeof createInsertRows>
