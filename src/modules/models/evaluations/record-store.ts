import type { EvaluationRecord } from '../../../contract/evaluations.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { parseExactly } from '../../../lib/exact-json.ts'

type RecordRow = {
  project: string
  dataset: string
  id: string
  inputs_hash: string
  inputs: string
  outputs: string
  expectations: string | null
  tags: string
  source: string | null
  created_at: number
  updated_at: number
  created_by: string | null
  updated_by: string | null
}
const tables = (db: Db) => db.db.withTables<{ evaluation_records: RecordRow }>()

/** Below what SQLite binds in one statement. */
const MOST_NAMES_A_STATEMENT = 500

export type HashedRecord = { readonly hash: string; readonly record: EvaluationRecord }
type Place = { readonly project: string; readonly dataset: string }

/** The records with these hashes of their inputs. */
export async function findByHash(db: Db, { project, dataset }: Place, hashes: readonly string[]): Promise<Map<string, EvaluationRecord>> {
  const found = new Map<string, EvaluationRecord>()
  for (let from = 0; from < hashes.length; from += MOST_NAMES_A_STATEMENT) {
    const rows = await tables(db)
      .selectFrom('evaluation_records')
      .selectAll()
      .where('project', '=', project)
      .where('dataset', '=', dataset)
      .where('inputs_hash', 'in', hashes.slice(from, from + MOST_NAMES_A_STATEMENT))
      .execute()
    for (const row of rows) found.set(row.inputs_hash, recordFrom(row))
  }
  return found
}

/** Adds records, or writes over those with the same inputs. */
export async function saveRecords(db: Db, { project, dataset }: Place, records: readonly HashedRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += MOST_NAMES_A_STATEMENT)
    await tables(db)
      .insertInto('evaluation_records')
      .values(records.slice(from, from + MOST_NAMES_A_STATEMENT).map((one) => ({ project, dataset, ...rowFrom(one) })))
      .onConflict((conflict) =>
        conflict.columns(['project', 'dataset', 'inputs_hash']).doUpdateSet((eb) => ({
          outputs: eb.ref('excluded.outputs'),
          expectations: eb.ref('excluded.expectations'),
          tags: eb.ref('excluded.tags'),
          updated_at: eb.ref('excluded.updated_at'),
          updated_by: eb.ref('excluded.updated_by'),
        })),
      )
      .execute()
}

/** Oldest first, those after a place in that order. */
export async function listRecords(
  db: Db,
  { project, dataset }: Place,
  page: { readonly most: number; readonly after?: { readonly createdAt: number; readonly id: string } },
): Promise<EvaluationRecord[]> {
  let query = tables(db).selectFrom('evaluation_records').selectAll().where('project', '=', project).where('dataset', '=', dataset)
  const { after } = page
  if (after)
    query = query.where((eb) =>
      eb.or([eb('created_at', '>', after.createdAt), eb.and([eb('created_at', '=', after.createdAt), eb('id', '>', after.id)])]),
    )
  return (await query.orderBy('created_at').orderBy('id').limit(page.most).execute()).map(recordFrom)
}

export async function findRecord(db: Db, { project, dataset }: Place, id: string): Promise<EvaluationRecord | undefined> {
  const row = await tables(db)
    .selectFrom('evaluation_records')
    .selectAll()
    .where('project', '=', project)
    .where('dataset', '=', dataset)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && recordFrom(row)
}

export async function countRecords(db: Db, { project, dataset }: Place): Promise<number> {
  const { count } = await tables(db)
    .selectFrom('evaluation_records')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project', '=', project)
    .where('dataset', '=', dataset)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Deletes the named records, or all of them; answers how many. */
export async function deleteRecords(db: Db, { project, dataset }: Place, ids?: readonly string[]): Promise<number> {
  const parts = ids
    ? Array.from({ length: Math.ceil(ids.length / MOST_NAMES_A_STATEMENT) }, (_, i) =>
        ids.slice(i * MOST_NAMES_A_STATEMENT, (i + 1) * MOST_NAMES_A_STATEMENT),
      )
    : [undefined]
  let deleted = 0
  for (const part of parts) {
    const query = tables(db).deleteFrom('evaluation_records').where('project', '=', project).where('dataset', '=', dataset)
    const gone = await (part ? query.where('id', 'in', part) : query).executeTakeFirst()
    deleted += Number(gone.numDeletedRows)
  }
  return deleted
}

function rowFrom({ hash, record }: HashedRecord): Omit<RecordRow, 'project' | 'dataset'> {
  return {
    id: record.id,
    inputs_hash: hash,
    inputs: JSON.stringify(record.inputs),
    outputs: JSON.stringify(record.outputs),
    expectations: record.expectations && JSON.stringify(record.expectations),
    tags: JSON.stringify(record.tags),
    source: record.source && JSON.stringify(record.source),
    created_at: record.createdAt,
    updated_at: record.updatedAt,
    created_by: record.createdBy,
    updated_by: record.updatedBy,
  }
}

function recordFrom(row: RecordRow): EvaluationRecord {
  const read = <K extends 'inputs' | 'outputs' | 'expectations' | 'tags' | 'source'>(text: string) =>
    parseExactly(text) as NonNullable<EvaluationRecord[K]>
  return {
    id: row.id,
    inputs: read<'inputs'>(row.inputs),
    outputs: read<'outputs'>(row.outputs),
    expectations: row.expectations === null ? null : read<'expectations'>(row.expectations),
    tags: read<'tags'>(row.tags),
    source: row.source === null ? null : read<'source'>(row.source),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdBy: row.created_by,
    updatedBy: row.updated_by,
  }
}
