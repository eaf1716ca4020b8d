import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import type { traces } from '../../../contract/traces.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { createAppending } from './append.ts'
import { createAssessments } from './assessments.ts'
import type { Experiments } from './experiments.ts'
import { createFind } from './find.ts'
import { createIssues } from './issues.ts'
import { createLinks } from './links.ts'
import { createMetrics } from './metrics.ts'
import { createReading, type FoundTrace } from './read.ts'
import { needInfo } from './records.ts'
import { chooseTraces, deleteTraces } from './store.ts'
import { createTelling } from './tell.ts'

type Actor = Pick<Caller, 'project'>
type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly ids: Ids
  readonly ledger: Ledger
  readonly experiments: Experiments
}

/** What may be deleted in one call: by age, by count (the oldest first), or by id. */
export type Deletion = {
  readonly experiment: string
  readonly notAfter?: number
  readonly most?: number
  readonly ids?: readonly string[]
}

export type Traces = ReturnType<typeof createTraces>

/** Traces of requests: taken in, found again, judged, counted. */
export function createTraces(deps: Deps) {
  const { sql } = deps
  const find = createFind(deps)
  const reading = createReading(deps)
  const issues = createIssues(deps)

  async function remove(deletion: Deletion, { project }: Actor): Promise<number> {
    return await sql.transaction(async (tx) => {
      const ids = await chooseTraces(tx, project, deletion)
      await deleteTraces(tx, project, ids)
      return ids.length
    })
  }

  const verbs: Verbs<typeof traces> = {
    async searchTraces({ experiment, filter, orderBy, limit }, caller) {
      const search = { experiments: [experiment], filter, orderBy: orderBy ? [orderBy] : [], most: limit, skip: 0 }
      return await find.search(search, caller)
    },
    async getTrace({ trace }, caller) {
      await needInfo(sql, caller.project, trace)
      const [{ partial: _partial, ...found }] = (await reading.read([trace], caller)) as [FoundTrace]
      return found
    },
    async deleteTrace({ trace }, caller) {
      const { experiment } = await needInfo(sql, caller.project, trace)
      return { deleted: await remove({ experiment, ids: [trace] }, caller) }
    },
    async listIssues({ experiment, status, limit }, caller) {
      const filter = status && `status = '${status}'`
      const found = await issues.findIssues({ experiment, filter, most: limit, skip: 0 }, caller)
      return found.map(({ issue, traces }) => ({ ...issue, traces }))
    },
    async updateIssue({ issue, reason, ...change }, caller) {
      return await issues.changeIssue(issue, change, reason, caller)
    },
  }

  return {
    ...verbs,
    ...find,
    ...issues,
    ...reading,
    ...createTelling(deps),
    ...createAppending(deps),
    ...createAssessments(deps),
    ...createLinks(deps),
    ...createMetrics(deps),
    /** Deletes traces with all that hangs on them; answers how many. */
    remove,
  }
}
