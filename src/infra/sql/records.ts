import type { Db } from './index.ts'

type RecordRow = {
  id: string
  project: string
  deployment: string | null
  state: string
  at: number
  idempotency_key: string | null
  body: string
}
type Shape = { readonly id: string }

/** The columns by which a record is found; the rest of it is its body. */
type Found = { readonly deployment: string | null; readonly state: string; readonly at: number }

/**
 * A table of records that are read and written whole: `id`, `project`, what they are found by, and `body` as JSON.
 * Ids sort by the time they were made, so the newest come first by id.
 */
export function createRecords<T extends Shape>(table: string, foundBy: (record: T) => Found, dialect: 'sqlite' | 'postgresql') {
  const rows = (db: Db) => db.db.withTables<Record<typeof table, RecordRow>>()
  const valuesOf = (record: T) => {
    const { deployment, state, at } = foundBy(record)
    return { deployment, state, at, body: JSON.stringify(record) }
  }
  const recordFrom = (row: { body: string } | undefined) => (row === undefined ? undefined : (JSON.parse(row.body) as T))

  return {
    audited: { table, key: ['id'] as const },
    async insert(db: Db, project: string, record: T, key?: string): Promise<void> {
      await rows(db)
        .insertInto(table)
        .values({ id: record.id, project, idempotency_key: key ?? null, ...valuesOf(record) })
        .execute()
    },
    async save(db: Db, record: T): Promise<void> {
      await rows(db).updateTable(table).set(valuesOf(record)).where('id', '=', record.id).execute()
    },
    async find(db: Db, project: string, id: string): Promise<T | undefined> {
      return recordFrom(
        await rows(db).selectFrom(table).select('body').where('id', '=', id).where('project', '=', project).executeTakeFirst(),
      )
    },
    /** As `find`, holding the row until the transaction ends. */
    async lock(db: Db, project: string, id: string): Promise<T | undefined> {
      const query = rows(db).selectFrom(table).select('body').where('id', '=', id).where('project', '=', project)
      return recordFrom(await (dialect === 'postgresql' ? query.forUpdate() : query).executeTakeFirst())
    },
    async findByKey(db: Db, project: string, key: string): Promise<T | undefined> {
      return recordFrom(
        await rows(db)
          .selectFrom(table)
          .select('body')
          .where('idempotency_key', '=', key)
          .where('project', '=', project)
          .executeTakeFirst(),
      )
    },
    /** Newest first. */
    async list(db: Db, filter: { project: string; deployment?: string; state?: string | readonly string[]; limit: number }): Promise<T[]> {
      let query = rows(db).selectFrom(table).select('body').where('project', '=', filter.project)
      if (filter.deployment !== undefined) query = query.where('deployment', '=', filter.deployment)
      if (filter.state !== undefined) query = query.where('state', 'in', [filter.state].flat())
      return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map((row) => recordFrom(row)!)
    },
    /** Records of every project in any of these states, oldest first. */
    async inState(db: Db, states: readonly string[]): Promise<{ project: string; record: T }[]> {
      const found = await rows(db)
        .selectFrom(table)
        .select(['project', 'body'])
        .where('state', 'in', [...states])
        .orderBy('id')
        .execute()
      return found.map((row) => ({ project: row.project, record: recordFrom(row)! }))
    },
  }
}
