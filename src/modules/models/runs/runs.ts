import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import { type Addition, createBatchLog } from './batch-log.ts'
import type { Page, Pair, Run, ViewType } from './entities.ts'
import { createExperiments } from './experiments.ts'
import { createHistories } from './histories.ts'
import { createInsertRows } from './insert-rows.ts'
import { createRunLifecycle, runsFrom } from './lifecycle.ts'
import { checkedBatch, checkMaxResults, experimentNumber, invalid } from './limits.ts'
import { createLoggedModels } from './logged-models.ts'
import { pageToken, placeFrom } from './page-token.ts'
import { createPurge } from './purge.ts'
import { clausesOf, orderingsOf } from './search-conditions.ts'
import { checkRunOrdering, runGrammar } from './search-grammars.ts'
import { partsOf, type RunQuestion, searchRunNumbers } from './search-runs.ts'
import { createSettling } from './settling.ts'
import { findRunRowsByNumber, stagesOf } from './store.ts'

const DEFAULT_RESULTS = 1_000
/** A statement names each experiment once for each comparison and ordering; SQLite takes 32,766 parameters. */
const MOST_NAMED_EXPERIMENTS = 25_000

export type RunSearch = {
  readonly experimentIds: readonly string[]
  readonly filter?: string | undefined
  readonly view?: ViewType | undefined
  readonly maxResults?: number | undefined
  readonly orderBy?: readonly string[] | undefined
  readonly pageToken?: string | undefined
}
type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  /** 32 hex digits, never the same twice. */
  readonly hexId?: () => string
}
export type Runs = ReturnType<typeof createRuns>

/**
 * Experiments, runs, what is measured in them, and the models they log. Every function is of one project; what is in
 * another is not there.
 */
export function createRuns({ sql, clock, log, random, hexId = () => randomUUID().replaceAll('-', '') }: Deps) {
  const insertRows = createInsertRows(sql.dialect)
  const settling = createSettling({ sql })
  const experiments = createExperiments({ sql, clock })
  const lifecycle = createRunLifecycle({ sql, clock, random, hexId, insertRows, experiments })
  const add = createBatchLog({ sql, log, insertRows, settling })
  const { prepare: _prepare, needActiveExperiment: _needActiveExperiment, ...experimentVerbs } = experiments
  const { needActiveRow: _needActiveRow, needRow: _needRow, ...runVerbs } = lifecycle

  /**
   * Adds metrics, params and tags to a run, all or nothing; resolves once they are stored. Sent again, it changes nothing.
   * Throws `invalid` for what breaks a limit or changes a param, `not_found`, `throttled`.
   */
  async function logBatch(addition: Addition): Promise<void> {
    await add({ ...addition, ...checkedBatch(addition, addition.single) })
  }

  return {
    ...experimentVerbs,
    ...runVerbs,
    ...createPurge({ sql }),
    ...createHistories({ sql, lifecycle, settling }),
    ...createLoggedModels({ sql, clock, random, hexId, experiments }),
    logBatch,
    async setRunTag(project: string, runId: string, tag: Pair): Promise<void> {
      await logBatch({ project, runId, metrics: [], params: [], tags: [tag], single: true })
    },
    async searchRuns(project: string, search: RunSearch): Promise<Page<Run>> {
      const { experimentIds, maxResults = DEFAULT_RESULTS } = search
      checkMaxResults(maxResults)
      const question: RunQuestion = {
        project,
        experiments: [...new Set(experimentIds.map(experimentNumber))],
        stages: stagesOf(search.view ?? 'ACTIVE_ONLY'),
        clauses: clausesOf(search.filter, runGrammar),
        orderings: orderingsOf(search.orderBy ?? [], runGrammar, checkRunOrdering),
      }
      const most = Math.floor(MOST_NAMED_EXPERIMENTS / (question.clauses.length + question.orderings.length + 2))
      if (question.experiments.length > most)
        throw invalid(`${question.experiments.length} experiments are too many for this search; name at most ${most}, or compare less`)
      if (question.experiments.length === 0) return { items: [], nextPageToken: undefined }
      const { numbers, nextPageToken } = await pageOf(sql, question, maxResults, search.pageToken)
      return { items: await runsByNumber(sql, project, numbers), nextPageToken }
    },
  }
}

/** The numbers of the runs on one page, over as many parts of the answer as it takes. */
async function pageOf(sql: Sql, question: RunQuestion, maxResults: number, token: string | undefined) {
  const start = placeFrom(token)
  const numbers: number[] = []
  for (let part = start.part; part < partsOf(question); part++) {
    const offset = part === start.part ? start.offset : 0
    const wanted = maxResults - numbers.length
    const found = await searchRunNumbers(sql, question, part, { offset, limit: wanted + 1 }, sql.dialect)
    numbers.push(...found.slice(0, wanted))
    if (found.length > wanted) return { numbers, nextPageToken: pageToken({ offset: offset + wanted, part }) }
  }
  return { numbers, nextPageToken: undefined }
}

async function runsByNumber(db: Db, project: string, numbers: readonly number[]): Promise<Run[]> {
  const rows = await findRunRowsByNumber(db, project, numbers)
  return await runsFrom(
    db,
    project,
    numbers.flatMap((number) => rows.get(number) ?? []),
  )
}
