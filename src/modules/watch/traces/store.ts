import type { Span, TraceState } from '../../../contract/traces.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AssessmentRow } from './assessment-store.ts'

/** Counts and costs of a trace, under the names of their columns. */
export const tokenColumns = [
  'input_tokens',
  'output_tokens',
  'total_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cache_creation_input_tokens_above_1hr',
] as const
export const costColumns = ['input_cost', 'output_cost', 'total_cost'] as const

type Numbers = Record<(typeof tokenColumns)[number] | (typeof costColumns)[number], number | null>

export type TraceRow = Numbers & {
  project: string
  id: string
  experiment: string
  requested_at: number
  duration_ms: number | null
  state: TraceState
  name: string | null
  session: string | null
  client_request_id: string | null
  request_preview: string | null
  response_preview: string | null
}

type TextRow = { project: string; trace: string; key: string; value: string }

export type SpanRow = {
  project: string
  trace: string
  id: string
  parent: string | null
  experiment: string
  name: string
  type: string | null
  status: string
  started_at_us: number
  duration_ms: number | null
  input_cost: number | null
  output_cost: number | null
  total_cost: number | null
  model: string | null
  provider: string | null
  content: string
}

type LinkRow = { project: string; trace: string; kind: 'run' | 'prompt'; target: string }

export type TraceTables = {
  traces: TraceRow
  trace_tags: TextRow
  trace_metadata: TextRow
  trace_spans: SpanRow
  trace_assessments: AssessmentRow
  trace_links: LinkRow
}

export const tables = (db: Db) => db.db.withTables<TraceTables>()

/** How many ids one statement names: well below what SQLite binds. */
const MOST_IDS_A_STATEMENT = 500
/** Rows written by one statement; each of the widest has 16 values. */
const MOST_ROWS_A_STATEMENT = 500

function chunked<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** Runs `read` for the ids in parts that one statement can name, and joins what it answers. */
export async function eachPart<T>(ids: readonly string[], read: (part: string[]) => Promise<T[]>): Promise<T[]> {
  const found: T[] = []
  for (const part of chunked([...new Set(ids)], MOST_IDS_A_STATEMENT)) found.push(...(await read(part)))
  return found
}

export function findTraces(db: Db, project: string, ids: readonly string[]): Promise<TraceRow[]> {
  return eachPart(ids, (part) =>
    tables(db).selectFrom('traces').selectAll().where('project', '=', project).where('id', 'in', part).execute(),
  )
}

/** As `findTraces`, holding the rows until the transaction ends. */
export async function lockTraces(db: Db, project: string, ids: readonly string[], dialect: 'sqlite' | 'postgresql'): Promise<TraceRow[]> {
  return await eachPart([...ids].sort(), (part) => {
    const query = tables(db).selectFrom('traces').selectAll().where('project', '=', project).where('id', 'in', part).orderBy('id')
    return (dialect === 'postgresql' ? query.forUpdate() : query).execute()
  })
}

/** Adds those of the traces that no writer has added yet, and answers their ids. */
export async function insertTraces(db: Db, rows: readonly TraceRow[]): Promise<Set<string>> {
  const added = new Set<string>()
  for (const part of chunked(rows, MOST_ROWS_A_STATEMENT)) {
    const inserted = await tables(db)
      .insertInto('traces')
      .values(part)
      .onConflict((conflict) => conflict.columns(['project', 'id']).doNothing())
      .returning('id')
      .execute()
    for (const { id } of inserted) added.add(id)
  }
  return added
}

export async function updateTrace(db: Db, project: string, id: string, change: Partial<TraceRow>): Promise<void> {
  if (Object.keys(change).length === 0) return
  await tables(db).updateTable('traces').set(change).where('project', '=', project).where('id', '=', id).execute()
}

type TextTable = 'trace_tags' | 'trace_metadata'

/** Tags or metadata of one trace. */
export type TraceTexts = { readonly trace: string; readonly texts: Readonly<Record<string, string>> }

/** Adds texts, or writes over those with their keys. */
export async function saveTexts(db: Db, table: TextTable, project: string, all: readonly TraceTexts[]): Promise<void> {
  const rows = all.flatMap(({ trace, texts }) => Object.entries(texts).map(([key, value]) => ({ project, trace, key, value })))
  // Writers that take rows in one order do not wait for each other in a circle.
  rows.sort((a, b) => (a.trace < b.trace || (a.trace === b.trace && a.key < b.key) ? -1 : 1))
  for (const part of chunked(rows, MOST_ROWS_A_STATEMENT))
    await tables(db)
      .insertInto(table)
      .values(part)
      .onConflict((conflict) => conflict.columns(['project', 'trace', 'key']).doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })))
      .execute()
}

export function findTexts(db: Db, table: TextTable, project: string, ids: readonly string[]): Promise<TextRow[]> {
  return eachPart(ids, (part) =>
    tables(db).selectFrom(table).selectAll().where('project', '=', project).where('trace', 'in', part).execute(),
  )
}

/** Answers whether there was such a tag. */
export async function deleteTag(db: Db, project: string, trace: string, key: string): Promise<boolean> {
  const gone = await tables(db)
    .deleteFrom('trace_tags')
    .where('project', '=', project)
    .where('trace', '=', trace)
    .where('key', '=', key)
    .returning('key')
    .execute()
  return gone.length > 0
}

export async function saveSpans(db: Db, rows: readonly SpanRow[]): Promise<void> {
  for (const part of chunked(rows, MOST_ROWS_A_STATEMENT))
    await tables(db)
      .insertInto('trace_spans')
      .values(part)
      .onConflict((conflict) =>
        conflict.columns(['project', 'trace', 'id']).doUpdateSet((eb) => ({
          parent: eb.ref('excluded.parent'),
          name: eb.ref('excluded.name'),
          type: eb.ref('excluded.type'),
          status: eb.ref('excluded.status'),
          started_at_us: eb.ref('excluded.started_at_us'),
          duration_ms: eb.ref('excluded.duration_ms'),
          input_cost: eb.ref('excluded.input_cost'),
          output_cost: eb.ref('excluded.output_cost'),
          total_cost: eb.ref('excluded.total_cost'),
          model: eb.ref('excluded.model'),
          provider: eb.ref('excluded.provider'),
          content: eb.ref('excluded.content'),
        })),
      )
      .execute()
}

/** The spans of traces, each trace’s root first and then by their start. */
export async function findSpans(db: Db, project: string, ids: readonly string[]): Promise<Map<string, Span[]>> {
  const rows = await eachPart(ids, (part) =>
    tables(db)
      .selectFrom('trace_spans')
      .select(['trace', 'content'])
      .where('project', '=', project)
      .where('trace', 'in', part)
      .orderBy('started_at_us')
      .orderBy('id')
      .execute(),
  )
  const found = Map.groupBy(
    rows.map((row) => JSON.parse(row.content) as Span),
    (span) => span.trace,
  )
  for (const [trace, spans] of found) found.set(trace, spans.sort(rootFirst))
  return found
}

function rootFirst(a: Span, b: Span): number {
  if ((a.parent === null) !== (b.parent === null)) return a.parent === null ? -1 : 1
  const [startA, startB] = [BigInt(a.startNs), BigInt(b.startNs)]
  return startA < startB ? -1 : startA > startB ? 1 : 0
}

/** Gives the spans and assessments of a trace to another experiment, as its trace has been. */
export async function moveToExperiment(db: Db, project: string, trace: string, experiment: string): Promise<void> {
  for (const table of ['trace_spans', 'trace_assessments'] as const)
    await tables(db).updateTable(table).set({ experiment }).where('project', '=', project).where('trace', '=', trace).execute()
}

export async function saveLinks(db: Db, links: readonly LinkRow[]): Promise<void> {
  for (const part of chunked(links, MOST_ROWS_A_STATEMENT))
    await tables(db)
      .insertInto('trace_links')
      .values(part)
      .onConflict((conflict) => conflict.columns(['project', 'trace', 'kind', 'target']).doNothing())
      .execute()
}

/** What deletion chooses by: the oldest come first. */
export type Doomed = { readonly experiment: string; readonly notAfter?: number; readonly most?: number; readonly ids?: readonly string[] }

export async function chooseTraces(db: Db, project: string, { experiment, notAfter, most, ids }: Doomed): Promise<string[]> {
  const named = async (part: string[] | undefined) => {
    let query = tables(db).selectFrom('traces').select(['id', 'requested_at']).where('project', '=', project)
    query = query.where('experiment', '=', experiment)
    if (notAfter !== undefined) query = query.where('requested_at', '<=', notAfter)
    if (part) query = query.where('id', 'in', part)
    query = query.orderBy('requested_at').orderBy('id')
    return await (most === undefined ? query : query.limit(most)).execute()
  }
  const rows = ids && ids.length > 0 ? await eachPart(ids, named) : await named(undefined)
  return rows.slice(0, most).map((row) => row.id)
}

export async function deleteTraces(db: Db, project: string, ids: readonly string[]): Promise<void> {
  for (const part of chunked(ids, MOST_IDS_A_STATEMENT)) {
    await tables(db).deleteFrom('trace_tags').where('project', '=', project).where('trace', 'in', part).execute()
    await tables(db).deleteFrom('trace_metadata').where('project', '=', project).where('trace', 'in', part).execute()
    await tables(db).deleteFrom('trace_spans').where('project', '=', project).where('trace', 'in', part).execute()
    await tables(db).deleteFrom('trace_assessments').where('project', '=', project).where('trace', 'in', part).execute()
    await tables(db).deleteFrom('trace_links').where('project', '=', project).where('trace', 'in', part).execute()
    await tables(db).deleteFrom('traces').where('project', '=', project).where('id', 'in', part).execute()
  }
}
