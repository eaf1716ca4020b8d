import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Assessment, TraceInfo } from '../../../contract/traces.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { saveAssessment } from './assessment-store.ts'
import { type Experiment, type Experiments, needActiveExperiment, needExperiment } from './experiments.ts'
import { metadataKeys, SPANS_WITH_US, tagKeys } from './keys.ts'
import { columnsFromMetadata, emptyColumns, needInfo, noSuchTrace } from './records.ts'
import { type BatchFacts, factsFrom, type NewSpan, rowFrom } from './span-facts.ts'
import {
  costColumns,
  findSpans,
  findTexts,
  insertTrace,
  lockTraces,
  moveToExperiment,
  saveSpans,
  saveTexts,
  type TraceRow,
  tokenColumns,
  updateTrace,
} from './store.ts'
import { checkedTags, checkedText, NAME_LIMIT_CHARACTERS, SESSION_LIMIT_CHARACTERS, storable } from './text-limits.ts'
import { costOf, usageOf } from './usage.ts'

/** A trace as a client tells of it; assessments that have no id get one. */
export type NewTrace = Omit<TraceInfo, 'assessments'> & { readonly assessments: readonly Omit<Assessment, 'trace'>[] }

export type BegunTrace = Pick<TraceInfo, 'id' | 'experiment' | 'requestedAt' | 'tags' | 'metadata'>
export type TraceEnd = Pick<TraceInfo, 'state' | 'tags' | 'metadata'> & { readonly endedAt: number }

type Actor = Pick<Caller, 'project'>
type Deps = { readonly sql: Sql; readonly ids: Ids; readonly experiments: Experiments }

/** Most spans of one call: what arrives is written in one transaction. */
const MOST_SPANS_A_CALL = 50_000

/** Takes in traces: what clients tell of them, and their spans, in either order and as often as they like. */
export function createIngest({ sql, ids, experiments }: Deps) {
  return {
    /** Tells of a trace, started or ended. What spans said of it before gives way. Throws `not_found`, `invalid`. */
    async startTrace(trace: NewTrace, { project }: Actor): Promise<TraceInfo> {
      const experiment = await needActiveExperiment(experiments, project, trace.experiment)
      const { columns, rest } = columnsFromMetadata(trace.metadata)
      const { [tagKeys.name]: name, ...tags } = trace.tags
      const told: Partial<TraceRow> = {
        ...columns,
        experiment: trace.experiment,
        requested_at: trace.requestedAt,
        duration_ms: trace.durationMs,
        state: trace.state,
        client_request_id: trace.clientRequestId,
      }
      const said = {
        ...(name === undefined ? {} : { name: checkedText('Trace name', name, NAME_LIMIT_CHARACTERS) }),
        ...(trace.requestPreview === null ? {} : { request_preview: storable(trace.requestPreview) }),
        ...(trace.responsePreview === null ? {} : { response_preview: storable(trace.responsePreview) }),
        ...(columns.session ? { session: checkedText('Session ID', columns.session, SESSION_LIMIT_CHARACTERS) } : {}),
      }
      return await sql.transaction(async (tx) => {
        const row = { ...blankRow(project, trace.id), ...told, ...said } as TraceRow
        if (!(await insertTrace(tx, row))) {
          await lockTraces(tx, project, [trace.id], sql.dialect)
          await updateTrace(tx, project, trace.id, { ...told, ...said })
          await moveToExperiment(tx, project, trace.id, trace.experiment)
        }
        await saveTexts(tx, 'trace_tags', project, trace.id, {
          ...checkedTags(tags),
          [tagKeys.artifactLocation]: artifactLocation(experiment, trace.id),
        })
        await saveTexts(tx, 'trace_metadata', project, trace.id, { ...storableTexts(rest), [metadataKeys.finalized]: 'true' })
        for (const assessment of trace.assessments)
          await saveAssessment(tx, project, trace.experiment, {
            ...assessment,
            id: assessment.id || ids('a').replace('_', '-'),
            trace: trace.id,
          })
        return await needInfo(tx, project, trace.id)
      })
    },

    /** Begins a trace of which nothing but its start is known. Throws `not_found`, `invalid`. */
    async beginTrace(trace: BegunTrace, { project }: Actor): Promise<TraceInfo> {
      const experiment = await needActiveExperiment(experiments, project, trace.experiment)
      const { columns, rest } = columnsFromMetadata(trace.metadata)
      const { [tagKeys.name]: name = null, ...tags } = trace.tags
      const begun = { experiment: trace.experiment, requested_at: trace.requestedAt, state: 'IN_PROGRESS' as const, name, ...columns }
      return await sql.transaction(async (tx) => {
        await insertTrace(tx, { ...blankRow(project, trace.id), ...begun })
        const place = { [tagKeys.artifactLocation]: artifactLocation(experiment, trace.id) }
        await saveTexts(tx, 'trace_tags', project, trace.id, { ...checkedTags(tags), ...place })
        await saveTexts(tx, 'trace_metadata', project, trace.id, storableTexts(rest))
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
        await saveTexts(tx, 'trace_tags', project, id, checkedTags(tags))
        await saveTexts(tx, 'trace_metadata', project, id, storableTexts(rest))
        return await needInfo(tx, project, id)
      })
    },

    /** Adds spans to their traces, of which there need be no other word yet. Throws `not_found`, `too_large`. */
    async appendSpans(experimentId: string, batch: readonly NewSpan[], { project }: Actor): Promise<void> {
      if (batch.length === 0) return
      if (batch.length > MOST_SPANS_A_CALL)
        throw new AppError('too_large', `${batch.length} spans in one call; at most ${MOST_SPANS_A_CALL} are taken, send them in parts`)
      const experiment = await needExperiment(experiments, project, experimentId)
      const facts = factsFrom(batch).sort((a, b) => (a.trace < b.trace ? -1 : 1))
      await sql.transaction((tx) => appendIn(tx, { project, experiment, dialect: sql.dialect }, facts))
    },
  }
}

type Place = { readonly project: string; readonly experiment: Experiment; readonly dialect: Sql['dialect'] }

async function appendIn(tx: Tx, { project, experiment, dialect }: Place, facts: readonly BatchFacts[]): Promise<void> {
  const created = new Set<string>()
  for (const one of facts) if (await insertTrace(tx, newRow(project, experiment.id, one))) created.add(one.trace)
  const traces = facts.map((one) => one.trace)
  const rows = new Map((await lockTraces(tx, project, traces, dialect)).map((row) => [row.id, row]))
  await saveSpans(
    tx,
    facts.flatMap(({ trace, spans }) => uniqueSpans(spans).map((span) => rowFrom(project, rows.get(trace)!.experiment, span))),
  )
  const known = await findTexts(tx, 'trace_metadata', project, traces)
  const isFinal = new Set(known.filter((text) => text.key === metadataKeys.finalized).map((text) => text.trace))
  const hasUser = new Set(known.filter((text) => text.key === metadataKeys.user).map((text) => text.trace))
  for (const one of facts) {
    const { [tagKeys.name]: name, ...tags } = one.tags
    if (!created.has(one.trace)) {
      const before = rows.get(one.trace)!
      const change = { ...changeFrom(before, one, isFinal.has(one.trace)), ...(await countsFrom(tx, before, one, isFinal.has(one.trace))) }
      await updateTrace(tx, project, one.trace, { ...change, ...(name === undefined ? {} : { name }) })
    }
    if (one.user !== null && !hasUser.has(one.trace))
      await saveTexts(tx, 'trace_metadata', project, one.trace, { [metadataKeys.user]: storable(one.user) })
    await saveTexts(tx, 'trace_tags', project, one.trace, {
      ...storableTexts(tags),
      ...(created.has(one.trace) ? { [tagKeys.artifactLocation]: artifactLocation(experiment, one.trace) } : {}),
      [tagKeys.spansLocation]: SPANS_WITH_US,
    })
  }
}

/** One statement cannot write a row twice: of spans with one id, the last counts. */
function uniqueSpans<T extends { readonly id: string }>(spans: readonly T[]): T[] {
  return [...new Map(spans.map((span) => [span.id, span])).values()]
}

function newRow(project: string, experiment: string, facts: BatchFacts): TraceRow {
  return {
    ...blankRow(project, facts.trace),
    experiment,
    requested_at: facts.startMs,
    duration_ms: facts.endMs === null ? null : facts.endMs - facts.startMs,
    state: facts.state ?? 'IN_PROGRESS',
    name: facts.tags[tagKeys.name] ?? null,
    session: sessionOf(facts),
    request_preview: facts.requestPreview && storable(facts.requestPreview),
    response_preview: facts.responsePreview && storable(facts.responsePreview),
    ...usageOf(facts.spans),
    ...costOf(facts.spans),
  }
}

const sessionOf = (facts: BatchFacts) => facts.session && storable(facts.session).slice(0, SESSION_LIMIT_CHARACTERS)

/** What spans change of a trace that is there: never what its client has told of its end. */
function changeFrom(before: TraceRow, facts: BatchFacts, isFinal: boolean): Partial<TraceRow> {
  const change: Partial<TraceRow> = {}
  if (!isFinal) {
    const startMs = Math.min(before.requested_at, facts.startMs)
    const knownEndMs = before.duration_ms === null ? Number.NEGATIVE_INFINITY : before.requested_at + before.duration_ms
    change.requested_at = startMs
    if (facts.endMs !== null) change.duration_ms = Math.max(knownEndMs, facts.endMs) - startMs
    else if (before.duration_ms !== null) change.duration_ms = knownEndMs - startMs
  }
  if (facts.state !== null && (before.state === 'IN_PROGRESS' || before.state === 'STATE_UNSPECIFIED')) change.state = facts.state
  if (before.request_preview === null && facts.requestPreview !== null) change.request_preview = storable(facts.requestPreview)
  if (before.response_preview === null && facts.responsePreview !== null) change.response_preview = storable(facts.responsePreview)
  if (before.session === null && facts.session !== null) change.session = sessionOf(facts)
  return change
}

/** Tokens and cost over all spans of the trace, old and new, unless its client has told them. */
async function countsFrom(tx: Tx, before: TraceRow, facts: BatchFacts, isFinal: boolean): Promise<Partial<TraceRow>> {
  const told = (columns: readonly (keyof TraceRow)[]) => isFinal && columns.some((column) => before[column] !== null)
  const wantsUsage = usageOf(facts.spans) !== null && !told(tokenColumns)
  const wantsCost = costOf(facts.spans) !== null && !told(costColumns)
  if (!wantsUsage && !wantsCost) return {}
  const all = (await findSpans(tx, before.project, [before.id])).get(before.id) ?? []
  return { ...(wantsUsage ? usageOf(all) : {}), ...(wantsCost ? costOf(all) : {}) }
}

function blankRow(project: string, id: string): TraceRow {
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

const storableTexts = (texts: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(texts).map(([key, value]) => [storable(key), storable(value)]))

const artifactLocation = (experiment: Experiment, trace: string) =>
  `${experiment.artifactLocation.replace(/\/$/, '')}/traces/${trace}/artifacts`
