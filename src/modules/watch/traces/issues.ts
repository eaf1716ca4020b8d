import { type SqlBool, sql } from 'kysely'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Issue } from '../../../contract/traces.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Clause, Grammar } from '../../../lib/search-filter/grammar.ts'
import { parseFilter } from '../../../lib/search-filter/parse-filter.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { type Experiments, needActiveExperiment } from './experiments.ts'
import * as store from './issue-store.ts'
import { checkedText, storable } from './text-limits.ts'

type Actor = Pick<Caller, 'id' | 'project'>
type Deps = { readonly sql: Sql; readonly clock: Clock; readonly ids: Ids; readonly ledger: Ledger; readonly experiments: Experiments }

export type NewIssue = Omit<Issue, 'id' | 'createdAt' | 'updatedAt'>
export type IssueChange = Partial<Pick<Issue, 'name' | 'description' | 'status' | 'severity'>>

const NAME_LIMIT_CHARACTERS = 250
const TEXT_LIMIT_CHARACTERS = 100_000

/** Problems that people and programs find in traces. */
export function createIssues({ sql: database, clock, ids, ledger, experiments }: Deps) {
  async function save(tx: Tx, issue: Issue, operation: string, reason: string, caller: Actor): Promise<void> {
    checkedText('name', issue.name, NAME_LIMIT_CHARACTERS)
    checkedText('description', issue.description, TEXT_LIMIT_CHARACTERS)
    const clean = { ...issue, name: storable(issue.name), description: storable(issue.description) }
    await store.saveIssue(tx, caller.project, clean)
    const key = [caller.project, issue.id]
    await ledger.seal(tx, { caller, reason, operation: `traces.${operation}`, table: store.issuesTable, key })
  }

  return {
    /** Throws `not_found` for the experiment, `invalid` when it is deleted. */
    async createIssue(given: NewIssue, caller: Actor): Promise<Issue> {
      await needActiveExperiment(experiments, caller.project, given.experiment)
      const now = clock.now()
      const issue = { ...given, id: ids('iss').replace('_', '-'), createdAt: now, updatedAt: now }
      await database.transaction((tx) => save(tx, issue, 'createIssue', 'issue found', caller))
      return issue
    },
    /** Throws `not_found`. */
    async issue(id: string, { project }: Actor): Promise<Issue> {
      const found = await store.findIssue(database, project, id)
      if (!found) throw noSuchIssue(id)
      return found
    },
    /** Throws `not_found`. */
    async changeIssue(id: string, change: IssueChange, reason: string, caller: Actor): Promise<Issue> {
      return await database.transaction(async (tx) => {
        const before = await store.lockIssue(tx, caller.project, id, database.dialect)
        if (!before) throw noSuchIssue(id)
        const after = { ...before, ...change, updatedAt: clock.now() }
        await save(tx, after, 'updateIssue', reason, caller)
        return after
      })
    },
    /** The most severe first, then those that most traces have, then the newest. Throws `invalid` for a filter. */
    async findIssues(
      { filter, ...asked }: { experiment?: string; filter?: string; most: number; skip: number },
      { project }: Actor,
    ): Promise<{ issue: Issue; traces: number }[]> {
      return await store.searchIssues(database, project, { ...asked, conditions: clausesFrom(filter).map(conditionFrom) })
    },
  }
}

function noSuchIssue(id: string): AppError {
  return new AppError('not_found', `Issue with ID '${id}' not found`, { issue: id })
}

const grammar: Grammar = {
  entities: {},
  listed: [],
  bare: 'attribute',
  nullable: 'nothing of an issue',
  field(_entity, key) {
    if (key !== 'status' && key !== 'source_run_id')
      throw new SyntaxError(`Invalid filter field '${key}'. Supported fields: status, source_run_id`)
    return { comparators: ['=', '!='], value: 'text', expected: `Expected a quoted string value for ${key}` }
  },
}

function clausesFrom(filter: string | undefined): Clause[] {
  try {
    return parseFilter(filter, grammar)
  } catch (error) {
    if (error instanceof SyntaxError) throw new AppError('invalid', error.message)
    throw error
  }
}

function conditionFrom({ key, comparator, value }: Clause) {
  const column = sql.ref(key === 'status' ? 'trace_issues.status' : 'trace_issues.source_run')
  return sql<SqlBool>`${column} ${sql.raw(comparator)} ${value}`
}
