import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { artifactLocation, type Experiment, type Experiments, needExperiment } from './experiments.ts'
import { metadataKeys, SPANS_WITH_US, tagKeys } from './keys.ts'
import { blankRow } from './records.ts'
import { type BatchFacts, factsFrom, type NewSpan, rowFrom } from './span-facts.ts'
import {
  costColumns,
  findSpans,
  findTexts,
  insertTraces,
  lockTraces,
  saveSpans,
  saveTexts,
  type TraceRow,
  tokenColumns,
  updateTrace,
} from './store.ts'
import { SESSION_LIMIT_CHARACTERS, storable, storableTexts } from './text-limits.ts'
import { costOf, usageOf } from './usage.ts'

type Deps = { readonly sql: Sql; readonly experiments: Experiments }

/** Most spans of one call: what arrives is written in one transaction. */
const MOST_SPANS_A_CALL = 50_000

/** Takes in spans, in whatever parts and order they come. */
export function createAppending({ sql, experiments }: Deps) {
  return {
    /** Adds spans to their traces, of which there need be no other word yet. Throws `not_found`, `too_large`. */
    async appendSpans(experimentId: string, batch: readonly NewSpan[], { project }: Pick<Caller, 'project'>): Promise<void> {
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
  const created = await insertTraces(
    tx,
    facts.map((one) => newRow(project, experiment.id, one)),
  )
  const traces = facts.map((one) => one.trace)
  const rows = new Map((await lockTraces(tx, project, traces, dialect)).map((row) => [row.id, row]))
  await saveSpans(
    tx,
    facts.flatMap(({ trace, spans }) => uniqueSpans(spans).map((span) => rowFrom(project, rows.get(trace)!.experiment, span))),
  )
  const known = await findTexts(tx, 'trace_metadata', project, traces)
  const has = (key: string) => new Set(known.filter((text) => text.key === key).map((text) => text.trace))
  const [isFinal, hasUser] = [has(metadataKeys.finalized), has(metadataKeys.user)]
  for (const one of facts) {
    const before = rows.get(one.trace)!
    if (created.has(one.trace)) continue
    const change = { ...changeFrom(before, one, isFinal.has(one.trace)), ...(await countsFrom(tx, before, one, isFinal.has(one.trace))) }
    await updateTrace(tx, project, one.trace, change)
  }
  const users = facts.filter(({ trace, user }) => user !== null && !hasUser.has(trace))
  await saveTexts(
    tx,
    'trace_metadata',
    project,
    users.map(({ trace, user }) => ({ trace, texts: { [metadataKeys.user]: storable(user!) } })),
  )
  await saveTexts(
    tx,
    'trace_tags',
    project,
    facts.map(({ trace, tags }) => ({
      trace,
      texts: tagsFrom(tags, created.has(trace) ? artifactLocation(experiment, trace) : undefined),
    })),
  )
}

/** The tags that spans give a trace; its name is no tag of the table. */
function tagsFrom({ [tagKeys.name]: _name, ...tags }: BatchFacts['tags'], location: string | undefined): Record<string, string> {
  return {
    ...storableTexts(tags),
    ...(location === undefined ? {} : { [tagKeys.artifactLocation]: location }),
    [tagKeys.spansLocation]: SPANS_WITH_US,
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
  const name = facts.tags[tagKeys.name]
  if (name !== undefined) change.name = name
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
