import type { Assessment } from '../../../contract/traces.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { metadataKeys } from './keys.ts'
import { eachPart, tables } from './store.ts'

export type AssessmentRow = {
  project: string
  id: string
  trace: string
  experiment: string
  name: string
  kind: Assessment['kind']
  value: string
  number: number | null
  is_number: number
  error: string | null
  source_type: string
  source_id: string | null
  span: string | null
  rationale: string | null
  metadata: string | null
  of_session: number
  overrides: string | null
  valid: number
  created_at: number
  updated_at: number
}

/** Adds an assessment, or writes over the one with its id. */
export async function saveAssessment(db: Db, project: string, experiment: string, assessment: Assessment): Promise<void> {
  const { id, ...row } = rowFrom(assessment)
  await tables(db)
    .insertInto('trace_assessments')
    .values({ project, id, experiment, ...row })
    .onConflict((conflict) => conflict.columns(['project', 'id']).doUpdateSet(row))
    .execute()
}

/** Of the given traces, oldest first. */
export async function findAssessments(db: Db, project: string, traces: readonly string[]): Promise<Assessment[]> {
  const rows = await eachPart(traces, (part) =>
    tables(db)
      .selectFrom('trace_assessments')
      .selectAll()
      .where('project', '=', project)
      .where('trace', 'in', part)
      .orderBy('created_at')
      .orderBy('id')
      .execute(),
  )
  return rows.map(assessmentFrom)
}

export async function findAssessment(db: Db, project: string, trace: string, id: string): Promise<Assessment | undefined> {
  const row = await tables(db)
    .selectFrom('trace_assessments')
    .selectAll()
    .where('project', '=', project)
    .where('trace', '=', trace)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && assessmentFrom(row)
}

/** Answers whether there was one to mark. */
export async function markValid(db: Db, project: string, trace: string, id: string, valid: boolean): Promise<boolean> {
  const marked = await tables(db)
    .updateTable('trace_assessments')
    .set({ valid: valid ? 1 : 0 })
    .where('project', '=', project)
    .where('trace', '=', trace)
    .where('id', '=', id)
    .returning('id')
    .execute()
  return marked.length > 0
}

export async function deleteAssessment(db: Db, project: string, trace: string, id: string): Promise<void> {
  await tables(db).deleteFrom('trace_assessments').where('project', '=', project).where('trace', '=', trace).where('id', '=', id).execute()
}

function rowFrom(a: Assessment): Omit<AssessmentRow, 'project' | 'experiment'> {
  return {
    id: a.id,
    trace: a.trace,
    name: a.name,
    kind: a.kind,
    value: JSON.stringify(a.value),
    number: numberOf(a.value),
    is_number: typeof a.value === 'number' && Number.isFinite(a.value) ? 1 : 0,
    error: a.error && JSON.stringify(a.error),
    source_type: a.source.type,
    source_id: a.source.id,
    span: a.span,
    rationale: a.rationale,
    metadata: a.metadata && JSON.stringify(a.metadata),
    of_session: a.metadata && metadataKeys.session in a.metadata ? 1 : 0,
    overrides: a.overrides,
    valid: a.valid ? 1 : 0,
    created_at: a.createdAt,
    updated_at: a.updatedAt,
  }
}

/** What a verdict counts as when verdicts are averaged: yes and true 1, no and false 0. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  const word = typeof value === 'string' ? value.trim().toLowerCase() : ''
  return word === 'yes' ? 1 : word === 'no' ? 0 : null
}

function assessmentFrom(row: AssessmentRow): Assessment {
  return {
    id: row.id,
    trace: row.trace,
    name: row.name,
    kind: row.kind,
    value: JSON.parse(row.value),
    error: row.error === null ? null : JSON.parse(row.error),
    source: { type: row.source_type, id: row.source_id },
    span: row.span,
    rationale: row.rationale,
    metadata: row.metadata === null ? null : JSON.parse(row.metadata),
    overrides: row.overrides,
    valid: row.valid === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
