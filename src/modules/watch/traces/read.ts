import type { Caller } from '../../../contract/endpoint.ts'
import type { Trace, TraceInfo } from '../../../contract/traces.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { parsed } from './attribute-values.ts'
import { metadataKeys } from './keys.ts'
import { infosFrom, needInfo } from './records.ts'
import { findSpans, findTraces } from './store.ts'

type Actor = Pick<Caller, 'project'>

/** A trace whose spans have not all come yet is `partial`. */
export type FoundTrace = Trace & { readonly partial: boolean }

/** Reads traces by their ids. */
export function createReading({ sql }: { readonly sql: Sql }) {
  async function readInfos(ids: readonly string[], { project }: Actor, experiments?: readonly string[]): Promise<TraceInfo[]> {
    const order = new Map([...new Set(ids)].map((id, i) => [id, i]))
    const rows = (await findTraces(sql, project, ids)).filter((row) => experiments === undefined || experiments.includes(row.experiment))
    rows.sort((a, b) => order.get(a.id)! - order.get(b.id)!)
    return await infosFrom(sql, project, rows)
  }

  return {
    /** The traces with their spans, in the order asked; those that are not there are left out. */
    async read(ids: readonly string[], { project }: Actor, experiments?: readonly string[]): Promise<FoundTrace[]> {
      const infos = await readInfos(ids, { project }, experiments)
      const found = infos.map((info) => info.id)
      const spans = await findSpans(sql, project, found)
      return infos.map((info) => {
        const own = spans.get(info.id) ?? []
        return { info, spans: own, partial: own.length < expectedSpans(info) }
      })
    },
    /** As `read`, without spans. */
    readInfos,
    /** Throws `not_found`. */
    info: (id: string, { project }: Actor) => needInfo(sql, project, id),
  }
}

/** How many spans the client says the trace has; 0 when it does not say. */
function expectedSpans(info: TraceInfo): number {
  const stats = parsed(info.metadata[metadataKeys.sizeStats])
  const count = typeof stats === 'object' && stats !== null ? (stats as { num_spans?: unknown }).num_spans : undefined
  return typeof count === 'number' ? count : 0
}
