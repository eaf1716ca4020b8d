import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import type { Trace, TraceInfo, traces } from '../../../contract/traces.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createAssessments } from './assessments.ts'
import { parsed } from './attribute-values.ts'
import type { Experiments } from './experiments.ts'
import { createFind } from './find.ts'
import { createIngest } from './ingest.ts'
import { metadataKeys } from './keys.ts'
import { createLinks } from './links.ts'
import { createMetrics } from './metrics.ts'
import { infosFrom, needInfo } from './records.ts'
import { chooseTraces, deleteTraces, findSpans, findTraces } from './store.ts'

type Actor = Pick<Caller, 'project'>
type Deps = { readonly sql: Sql; readonly clock: Clock; readonly ids: Ids; readonly experiments: Experiments }

/** What may be deleted in one call: by age, by count (the oldest first), or by id. */
export type Deletion = {
  readonly experiment: string
  readonly notAfter?: number
  readonly most?: number
  readonly ids?: readonly string[]
}

/** A trace whose spans have not all come yet is `partial`. */
export type FoundTrace = Trace & { readonly partial: boolean }

export type Traces = ReturnType<typeof createTraces>

/** Traces of requests: taken in, found again, judged, counted. */
export function createTraces(deps: Deps) {
  const { sql } = deps
  const find = createFind(deps)

  async function read(ids: readonly string[], { project }: Actor, experiments?: readonly string[]): Promise<FoundTrace[]> {
    const infos = await readInfos(ids, { project }, experiments)
    const spans = await findSpans(
      sql,
      project,
      infos.map((info) => info.id),
    )
    return infos.map((info) => {
      const found = spans.get(info.id) ?? []
      return { info, spans: found, partial: found.length < expectedSpans(info) }
    })
  }

  async function readInfos(ids: readonly string[], { project }: Actor, experiments?: readonly string[]): Promise<TraceInfo[]> {
    const order = new Map([...new Set(ids)].map((id, i) => [id, i]))
    const rows = (await findTraces(sql, project, ids)).filter((row) => experiments === undefined || experiments.includes(row.experiment))
    return await infosFrom(
      sql,
      project,
      rows.sort((a, b) => order.get(a.id)! - order.get(b.id)!),
    )
  }

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
      const [{ partial: _partial, ...found }] = (await read([trace], caller)) as [FoundTrace]
      return found
    },
    async deleteTrace({ trace }, caller) {
      const { experiment } = await needInfo(sql, caller.project, trace)
      return { deleted: await remove({ experiment, ids: [trace] }, caller) }
    },
  }

  return {
    ...verbs,
    ...find,
    ...createIngest(deps),
    ...createAssessments(deps),
    ...createLinks(deps),
    ...createMetrics(deps),
    /** The traces with their spans, in the order asked; those that are not there are left out. */
    read,
    /** As `read`, without spans. */
    readInfos,
    /** Throws `not_found`. */
    info: (id: string, { project }: Actor) => needInfo(sql, project, id),
    /** Deletes traces with all that hangs on them; answers how many. */
    remove,
  }
}

/** How many spans the client says the trace has; 0 when it does not say. */
function expectedSpans(info: TraceInfo): number {
  const stats = parsed(info.metadata[metadataKeys.sizeStats])
  const count = typeof stats === 'object' && stats !== null ? (stats as { num_spans?: unknown }).num_spans : undefined
  return typeof count === 'number' ? count : 0
}
