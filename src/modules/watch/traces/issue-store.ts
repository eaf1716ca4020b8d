import { type Expression, type SqlBool, sql } from 'kysely'
import type { Issue } from '../../../contract/traces.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const issuesTable: AuditedTable = { table: 'trace_issues', key: ['project', 'id'] }

type IssueRow = {
  project: string
  id: string
  experiment: string
  name: string
  description: string
  status: Issue['status']
  severity: Issue['severity']
  severity_rank: number
  root_causes: string
  categories: string
  source_run: string | null
  created_at: number
  updated_at: number
  created_by: string | null
}
const tables = (db: Db) => db.db.withTables<{ trace_issues: IssueRow }>()

/** From the least to the most severe; an issue without a severity comes below all of them. */
const severities: readonly Issue['severity'][] = ['not_an_issue', 'low', 'medium', 'high']

/** Adds an issue, or writes over the one with its id. */
export async function saveIssue(db: Db, project: string, issue: Issue): Promise<void> {
  const { id, ...row } = rowFrom(issue)
  await tables(db)
    .insertInto('trace_issues')
    .values({ project, id, ...row })
    .onConflict((conflict) => conflict.columns(['project', 'id']).doUpdateSet(row))
    .execute()
}

/** Holds the row until the transaction ends. */
export async function lockIssue(db: Db, project: string, id: string, dialect: 'sqlite' | 'postgresql'): Promise<Issue | undefined> {
  const query = tables(db).selectFrom('trace_issues').selectAll().where('project', '=', project).where('id', '=', id)
  const row = await (dialect === 'postgresql' ? query.forUpdate() : query).executeTakeFirst()
  return row && issueFrom(row)
}

export async function findIssue(db: Db, project: string, id: string): Promise<Issue | undefined> {
  const row = await tables(db).selectFrom('trace_issues').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
  return row && issueFrom(row)
}

export type IssueSearch = {
  readonly experiment?: string
  readonly conditions: readonly Expression<SqlBool>[]
  readonly most: number
  readonly skip: number
}

/** How many traces have the issue. */
const traceCount = sql<number>`(select count(distinct a.trace) from trace_assessments a
  where a.project = trace_issues.project and a.kind = 'issue' and a.name = trace_issues.id)`

/** The most severe first, then those that most traces have, then the newest; each with the number of its traces. */
export async function searchIssues(
  db: Db,
  project: string,
  { experiment, conditions, most, skip }: IssueSearch,
): Promise<{ issue: Issue; traces: number }[]> {
  let query = tables(db).selectFrom('trace_issues').selectAll().select(traceCount.as('traces')).where('project', '=', project)
  if (experiment !== undefined) query = query.where('experiment', '=', experiment)
  for (const condition of conditions) query = query.where(condition)
  const ordered = query.orderBy('severity_rank', 'desc').orderBy('traces', 'desc').orderBy('created_at', 'desc').orderBy('id', 'desc')
  const rows = await ordered.offset(skip).limit(most).execute()
  return rows.map((row) => ({ issue: issueFrom(row), traces: Number(row.traces) }))
}

function rowFrom(issue: Issue): Omit<IssueRow, 'project'> {
  return {
    id: issue.id,
    experiment: issue.experiment,
    name: issue.name,
    description: issue.description,
    status: issue.status,
    severity: issue.severity,
    severity_rank: severities.indexOf(issue.severity),
    root_causes: JSON.stringify(issue.rootCauses),
    categories: JSON.stringify(issue.categories),
    source_run: issue.sourceRun,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    created_by: issue.createdBy,
  }
}

function issueFrom(row: IssueRow): Issue {
  return {
    id: row.id,
    experiment: row.experiment,
    name: row.name,
    description: row.description,
    status: row.status,
    severity: row.severity,
    rootCauses: JSON.parse(row.root_causes),
    categories: JSON.parse(row.categories),
    sourceRun: row.source_run,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdBy: row.created_by,
  }
}
