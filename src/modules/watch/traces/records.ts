import { AppError } from '../../../contract/errors.ts'
import type { Assessment, TraceInfo } from '../../../contract/traces.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { findAssessments } from './assessment-store.ts'
import { parsed, spacedJson } from './attribute-values.ts'
import { metadataKeys, tagKeys } from './keys.ts'
import { costColumns, findTexts, findTraces, type TraceRow, tokenColumns } from './store.ts'
import { numbersFrom } from './usage.ts'

/** The traces of `rows` with their tags, metadata and assessments, in the order of the rows. */
export async function infosFrom(db: Db, project: string, rows: readonly TraceRow[]): Promise<TraceInfo[]> {
  const ids = rows.map((row) => row.id)
  const tags = grouped(await findTexts(db, 'trace_tags', project, ids))
  const metadata = grouped(await findTexts(db, 'trace_metadata', project, ids))
  const assessments = Map.groupBy(await findAssessments(db, project, ids), (assessment) => assessment.trace)
  return rows.map((row) => infoFrom(row, { tags: tags.get(row.id), metadata: metadata.get(row.id), assessments: assessments.get(row.id) }))
}

/** Throws `not_found`. */
export async function needInfo(db: Db, project: string, id: string): Promise<TraceInfo> {
  const [info] = await infosFrom(db, project, await findTraces(db, project, [id]))
  if (!info) throw noSuchTrace(id)
  return info
}

export function noSuchTrace(id: string): AppError {
  return new AppError('not_found', `Trace with ID '${id}' not found.`, { trace: id })
}

type Texts = Readonly<Record<string, string>>

function grouped(rows: readonly { trace: string; key: string; value: string }[]): Map<string, Texts> {
  const found = new Map<string, Record<string, string>>()
  for (const { trace, key, value } of rows) {
    const texts = found.get(trace) ?? {}
    texts[key] = value
    found.set(trace, texts)
  }
  return found
}

type Parts = { readonly tags?: Texts; readonly metadata?: Texts; readonly assessments?: readonly Assessment[] }

function infoFrom(row: TraceRow, { tags = {}, metadata = {}, assessments = [] }: Parts): TraceInfo {
  return {
    id: row.id,
    experiment: row.experiment,
    requestedAt: row.requested_at,
    durationMs: row.duration_ms,
    state: row.state,
    clientRequestId: row.client_request_id,
    requestPreview: row.request_preview,
    responsePreview: row.response_preview,
    tags: row.name === null ? tags : { ...tags, [tagKeys.name]: row.name },
    metadata: { ...metadata, ...metadataFromColumns(row) },
    assessments: [...assessments],
  }
}

/** Session, tokens and cost have columns of their own, so that they can be counted; clients read them as metadata. */
function metadataFromColumns(row: TraceRow): Texts {
  const tokens = present(tokenColumns, row)
  const cost = present(costColumns, row)
  return {
    ...(row.session === null ? {} : { [metadataKeys.session]: row.session }),
    ...(tokens ? { [metadataKeys.tokenUsage]: spacedJson(tokens) } : {}),
    ...(cost ? { [metadataKeys.cost]: spacedJson(cost) } : {}),
  }
}

function present(columns: readonly (keyof TraceRow)[], row: TraceRow): Record<string, unknown> | undefined {
  const found = columns.filter((column) => row[column] !== null).map((column) => [column, row[column]])
  return found.length > 0 ? Object.fromEntries(found) : undefined
}

type Columns = Pick<TraceRow, 'session' | (typeof tokenColumns)[number] | (typeof costColumns)[number]>

/** The columns that metadata fills, and the metadata that is left. */
export function columnsFromMetadata(metadata: Texts): { columns: Partial<Columns>; rest: Texts } {
  const { [metadataKeys.session]: session, [metadataKeys.tokenUsage]: usage, [metadataKeys.cost]: cost, ...rest } = metadata
  return {
    columns: {
      ...(session === undefined ? {} : { session }),
      ...(usage === undefined ? {} : numbersAt(tokenColumns, usage)),
      ...(cost === undefined ? {} : numbersAt(costColumns, cost)),
    },
    rest,
  }
}

/** What the text does not count is not known, whatever was known before. */
function numbersAt(columns: readonly string[], text: string): Record<string, number | null> {
  const numbers = numbersFrom(parsed(text)) ?? {}
  return Object.fromEntries(columns.map((column) => [column, numbers[column] ?? null]))
}

const emptyColumns = Object.fromEntries([...tokenColumns, ...costColumns, 'session'].map((column) => [column, null])) as Columns

/** A trace of which nothing is known yet. */
export function blankRow(project: string, id: string): TraceRow {
  return {
    ...emptyColumns,
    project,
    id,
    experiment: '',
    requested_at: 0,
    duration_ms: null,
    state: 'STATE_UNSPECIFIED',
    name: null,
    client_request_id: null,
    request_preview: null,
    response_preview: null,
  }
}
