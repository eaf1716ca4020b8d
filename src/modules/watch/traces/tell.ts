import type { Caller } from '../../../contract/endpoint.ts'
import type { Assessment, TraceInfo } from '../../../contract/traces.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { saveAssessment } from './assessment-store.ts'
import { artifactLocation, type Experiments, needActiveExperiment } from './experiments.ts'
import { metadataKeys, tagKeys } from './keys.ts'
import { blankRow, columnsFromMetadata, needInfo, noSuchTrace } from './records.ts'
import { insertTraces, lockTraces, moveToExperiment, saveTexts, type TraceRow, updateTrace } from './store.ts'
import { checkedTags, checkedText, NAME_LIMIT_CHARACTERS, SESSION_LIMIT_CHARACTERS, storable, storableTexts } from './text-limits.ts'

/** A trace as a client tells of it; assessments that have no id get one. */
export type NewTrace = Omit<TraceInfo, 'assessments'> & { readonly assessments: readonly Omit<Assessment, 'trace'>[] }

export type BegunTrace = Pick<TraceInfo, 'id' | 'experiment' | 'requestedAt' | 'tags' | 'metadata'>
export type TraceEnd = Pick<TraceInfo, 'state' | 'tags' | 'metadata'> & { readonly endedAt: number }

type Actor = Pick<Caller, 'project'>
type Deps = { readonly sql: Sql; readonly ids: Ids; readonly experiments: Experiments }

/** What clients tell of their traces, before or after the spans come, and as often as they like. */
export function createTelling({ sql, ids, experiments }: Deps) {
  async function saveParts(tx: Tx, project: string, trace: string, tags: Texts, metadata: Texts): Promise<void> {
    await saveTexts(tx, 'trace_tags', project, [{ trace, texts: checkedTags(tags) }])
    await saveTexts(tx, 'trace_metadata', project, [{ trace, texts: storableTexts(metadata) }])
  }

  return {
    /** Tells of a trace, started or ended. What spans said of it before gives way. Throws `not_found`, `invalid`. */
    async startTrace(trace: NewTrace, { project }: Actor): Promise<TraceInfo> {
      const experiment = await needActiveExperiment(experiments, project, trace.experiment)
      const { told, tags, metadata } = rowFrom(trace)
      const row = { ...blankRow(project, trace.id), ...told }
      const place = { [tagKeys.artifactLocation]: artifactLocation(experiment, trace.id) }
      return await sql.transaction(async (tx) => {
        if ((await insertTraces(tx, [row])).size === 0) {
          await lockTraces(tx, project, [trace.id], sql.dialect)
          await updateTrace(tx, project, trace.id, told)
          await moveToExperiment(tx, project, trace.id, trace.experiment)
        }
        await saveParts(tx, project, trace.id, { ...tags, ...place }, { ...metadata, [metadataKeys.finalized]: 'true' })
        for (const given of trace.assessments) {
          const assessment = { ...given, id: given.id || ids('a').replace('_', '-'), trace: trace.id }
          await saveAssessment(tx, project, trace.experiment, assessment)
        }
        return await needInfo(tx, project, trace.id)
      })
    },

    /** Begins a trace of which nothing but its start is known. Throws `not_found`, `invalid`. */
    async beginTrace(trace: BegunTrace, { project }: Actor): Promise<TraceInfo> {
      const experiment = await needActiveExperiment(experiments, project, trace.experiment)
      const { columns, rest } = columnsFromMetadata(trace.metadata)
      const { [tagKeys.name]: name = null, ...tags } = trace.tags
      const begun = { experiment: trace.experiment, requested_at: trace.requestedAt, state: 'IN_PROGRESS' as const, name, ...columns }
      const place = { [tagKeys.artifactLocation]: artifactLocation(experiment, trace.id) }
      return await sql.transaction(async (tx) => {
        await insertTraces(tx, [{ ...blankRow(project, trace.id), ...begun }])
        await saveParts(tx, project, trace.id, { ...tags, ...place }, rest)
        return await needInfo(tx, project, trace.id)
      })
    },

    /** Ends a trace that was begun; tags and metadata are added to what is there. Throws `not_found`. */
    async endTrace(id: string, end: TraceEnd, { project }: Actor): Promise<TraceInfo> {
      const { columns, rest } = columnsFromMetadata(end.metadata)
      const { [tagKeys.name]: name, ...tags } = end.tags
      return await sql.transaction(async (tx) => {
        const [before] = await lockTraces(tx, project, [id], sql.dialect)
        if (!before) throw noSuchTrace(id)
        const ended = { state: end.state, duration_ms: end.endedAt - before.requested_at, ...columns }
        await updateTrace(tx, project, id, { ...ended, ...(name === undefined ? {} : { name }) })
        await saveParts(tx, project, id, tags, rest)
        return await needInfo(tx, project, id)
      })
    },
  }
}

type Texts = Readonly<Record<string, string>>

/** The columns that a client’s word fills, and the tags and metadata that are left. What it does not say is left as it is. */
function rowFrom(trace: NewTrace): { told: Pick<TraceRow, 'requested_at'> & Partial<TraceRow>; tags: Texts; metadata: Texts } {
  const { columns, rest } = columnsFromMetadata(trace.metadata)
  const { [tagKeys.name]: name, ...tags } = trace.tags
  const told = {
    ...columns,
    ...(columns.session ? { session: checkedText('Session ID', columns.session, SESSION_LIMIT_CHARACTERS) } : {}),
    experiment: trace.experiment,
    requested_at: trace.requestedAt,
    duration_ms: trace.durationMs,
    state: trace.state,
    client_request_id: trace.clientRequestId === null ? null : storable(trace.clientRequestId),
    ...(name === undefined ? {} : { name: checkedText('Trace name', name, NAME_LIMIT_CHARACTERS) }),
    ...(trace.requestPreview === null ? {} : { request_preview: storable(trace.requestPreview) }),
    ...(trace.responsePreview === null ? {} : { response_preview: storable(trace.responsePreview) }),
  }
  return { told, tags, metadata: rest }
}
