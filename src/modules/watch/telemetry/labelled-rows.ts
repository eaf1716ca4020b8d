import type { Columns } from '../../../infra/columns/columns.ts'
import type { Role } from './segment.ts'
import { newestLabels, type Window } from './store.ts'

/** What to leave out: predictions made in a stretch of time, of these actors, sources and label sources only when named. */
type Quarantine = {
  readonly fromMs: number
  readonly toMs: number
  readonly actors?: readonly string[]
  readonly sources?: readonly string[]
  readonly labelSources?: readonly string[]
}

export type LabelledRow = {
  readonly recordId: string
  readonly atMs: number
  readonly version: number
  readonly role: Role
  readonly actor: string
  readonly source: string
  readonly features: readonly (number | null)[]
  readonly score: number | null
  readonly prediction: number | null
  readonly otherVersion: number
  readonly otherScore: number | null
  /** The newest label received for the record. */
  readonly label: number
  readonly labelSource: string
}

export type LabelledRowsRequest = Window & {
  /** The most rows to give. */
  readonly limit: number
  /** Which end of the window to begin at; the rows come in that order. */
  readonly order?: 'oldest' | 'newest'
  readonly excluding?: readonly Quarantine[]
}

/** Predictions looked at per step; a step costs the same wherever in the window it is. */
const STEP_ROWS = 10_000

type Edge = { readonly atMs: number; readonly recordId: string }

/** Walks the predictions of a window in order of time, a step at a time, and gives those that have a label. */
export async function* labelledRows(columns: Columns, request: LabelledRowsRequest): AsyncGenerator<readonly LabelledRow[]> {
  const { excluding = [], order = 'oldest', limit, ...window } = request
  const quarantine = quarantineSql(excluding)
  let after: Edge | undefined
  let left = limit
  while (left > 0) {
    const edge = await edgeOfStep(columns, window, order, after)
    if (edge === undefined) return
    const rows = await columns.query<LabelledRow>(stepSql(order, after !== undefined, quarantine.sql), {
      ...window,
      ...quarantine.params,
      ...edgeParams('after', after),
      ...edgeParams('last', edge),
      limit: left,
    })
    if (rows.length > 0) yield rows
    left -= rows.length
    after = edge
  }
}

/** How many rows `labelledRows` would give, without a limit. */
export async function countLabelled(
  columns: Columns,
  { excluding = [], ...window }: Omit<LabelledRowsRequest, 'limit' | 'order'>,
): Promise<number> {
  const quarantine = quarantineSql(excluding)
  const [row] = await columns.query<{ rows: number }>(
    `SELECT count() AS rows FROM (SELECT record_id, at, actor, source FROM inference_records WHERE ${rangeSql('oldest', false)}) AS p
     INNER JOIN (${newestLabels(`cityHash64(record_id) IN (SELECT cityHash64(record_id) FROM inference_records WHERE ${rangeSql('oldest', false)})`)}) AS l ON p.record_id = l.record_id
     WHERE ${quarantine.sql}`,
    { ...window, ...quarantine.params },
  )
  return row!.rows
}

const edgeParams = (name: string, edge: Edge | undefined) =>
  edge === undefined ? {} : { [`${name}At`]: edge.atMs, [`${name}Id`]: edge.recordId }
const instant = (name: string) => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`

function rangeSql(order: 'oldest' | 'newest', hasAfter: boolean): string {
  const beyond = order === 'oldest' ? '>' : '<'
  const window = `project = {project:String} AND deployment = {deployment:String} AND at >= ${instant('fromMs')} AND at < ${instant('toMs')}`
  // The first comparison lets the engine skip by its index, the second settles rows of the same millisecond.
  return hasAfter
    ? `${window} AND at ${beyond}= ${instant('afterAt')} AND (at, record_id) ${beyond} (${instant('afterAt')}, {afterId:String})`
    : window
}

async function edgeOfStep(
  columns: Columns,
  window: Window,
  order: 'oldest' | 'newest',
  after: Edge | undefined,
): Promise<Edge | undefined> {
  const [direction, pick] = order === 'oldest' ? ['ASC', 'max'] : ['DESC', 'min']
  const rows = await columns.query<Edge & { n: number }>(
    `SELECT count() AS n, toUnixTimestamp64Milli(${pick}(at)) AS atMs, tupleElement(${pick}((at, record_id)), 2) AS recordId
     FROM (SELECT at, record_id FROM inference_records WHERE ${rangeSql(order, after !== undefined)}
           ORDER BY at ${direction}, record_id ${direction} LIMIT ${STEP_ROWS})`,
    { ...window, ...edgeParams('after', after) },
  )
  return rows[0]!.n === 0 ? undefined : { atMs: rows[0]!.atMs, recordId: rows[0]!.recordId }
}

function stepSql(order: 'oldest' | 'newest', hasAfter: boolean, quarantined: string): string {
  const [direction, within] = order === 'oldest' ? ['ASC', '<='] : ['DESC', '>=']
  const range = `${rangeSql(order, hasAfter)} AND at ${within} ${instant('lastAt')} AND (at, record_id) ${within} (${instant('lastAt')}, {lastId:String})`
  return `SELECT p.record_id AS recordId, toUnixTimestamp64Milli(p.at) AS atMs, version, role, actor, source, features, score, prediction,
      other_version AS otherVersion, other_score AS otherScore, label, label_source AS labelSource
    FROM (SELECT * FROM inference_records WHERE ${range}) AS p
    INNER JOIN (${newestLabels(`record_id IN (SELECT record_id FROM inference_records WHERE ${range})`)}) AS l ON p.record_id = l.record_id
    WHERE ${quarantined}
    ORDER BY p.at ${direction}, p.record_id ${direction} LIMIT {limit:UInt32}`
}

function quarantineSql(excluding: readonly Quarantine[]): { sql: string; params: Record<string, unknown> } {
  const params: Record<string, unknown> = {}
  const all = excluding.map((quarantine, i) => {
    const name = `quarantine${i}`
    params[`${name}From`] = quarantine.fromMs
    params[`${name}To`] = quarantine.toMs
    const terms = [`p.at >= ${instant(`${name}From`)}`, `p.at < ${instant(`${name}To`)}`]
    for (const [column, values] of [
      ['actor', quarantine.actors],
      ['source', quarantine.sources],
      ['label_source', quarantine.labelSources],
    ] as const) {
      if (values === undefined || values.length === 0) continue
      params[`${name}${column}`] = values
      terms.push(`has({${name}${column}:Array(String)}, ${column})`)
    }
    return `NOT (${terms.join(' AND ')})`
  })
  return { sql: all.length === 0 ? '1' : all.join(' AND '), params }
}
