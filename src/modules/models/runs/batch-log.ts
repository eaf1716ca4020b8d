import { AppError } from '../../../contract/errors.ts'
import type { Log } from '../../../infra/log.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { type LoggedMetric, type Pair, RUN_NAME_TAG } from './entities.ts'
import type { InsertRows } from './insert-rows.ts'
import type { Batch } from './limits.ts'
import { needActive, noLoggedModel, noRun, paramChanged, paramsChanged } from './refusals.ts'
import type { Settling } from './settling.ts'
import { findRunRows, updateRun } from './store.ts'
import { insertMetrics, insertParams, pairsOf, type RunOf, saveTags } from './store-measurements.ts'
import { insertModelMetrics, knownModels } from './store-models.ts'
import type { RunRow } from './tables.ts'

/** One call that adds to a run. `single` words a refusal for one param instead of a batch. */
export type Addition = Batch & { readonly project: string; readonly runId: string; readonly single?: boolean }
type Waiting = { readonly addition: Addition; readonly resolve: () => void; readonly reject: (error: unknown) => void }

const MOST_CALLS_PER_COMMIT = 128
const MOST_ROWS_PER_COMMIT = 20_000
const MOST_WAITING_CALLS = 10_000

type Deps = { readonly sql: Sql; readonly log: Log; readonly insertRows: InsertRows; readonly settling: Settling }

/**
 * Adds measurements to runs. Calls that come while a commit is under way are committed together, so that many writers
 * share the flush to disk; each is answered after its own commit. A call that cannot be kept is refused by itself.
 */
export function createBatchLog(deps: Deps): (addition: Addition) => Promise<void> {
  const { sql, log, settling } = deps
  const waiting: Waiting[] = []
  let isDraining = false

  async function drain(): Promise<void> {
    while (waiting.length > 0) await commit(takeGroup(waiting))
    isDraining = false
  }

  async function commit(group: readonly Waiting[]): Promise<void> {
    try {
      const { refusals, accepted } = await sql.transaction((tx) =>
        writeAll(
          deps,
          tx,
          group.map((one) => one.addition),
        ),
      )
      for (const [i, one] of group.entries()) {
        const refusal = refusals.get(i)
        if (refusal) one.reject(refusal)
        else one.resolve()
      }
      await settleDue(accepted)
    } catch (thrown) {
      if (group.length === 1) return group[0]!.reject(thrown)
      // One that the store itself refuses must not take the others with it.
      log.warn('runs.group_refused', { calls: group.length, error: thrown })
      for (const one of group) await commit([one])
    }
  }

  /** Between two commits, so that a run that logs without end is put in order on the way. */
  async function settleDue(accepted: readonly Accepted[]): Promise<void> {
    const due = new Map<string, RunRow>()
    for (const { row, addition } of accepted) if (settling.isDue(row, addition.metrics.length)) due.set(row.id, row)
    for (const row of due.values())
      await settling.settle(row).catch((error: unknown) => log.warn('runs.settling_failed', { run: row.id, error }))
  }

  return (addition) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= MOST_WAITING_CALLS)
        return reject(
          new AppError('throttled', `${MOST_WAITING_CALLS} calls wait to be logged; send fewer at once`, { retryAfterSeconds: 1 }),
        )
      waiting.push({ addition, resolve, reject })
      if (isDraining) return
      isDraining = true
      void drain()
    })
}

function takeGroup(waiting: Waiting[]): Waiting[] {
  let rows = 0
  let count = 0
  for (const { addition } of waiting.slice(0, MOST_CALLS_PER_COMMIT)) {
    rows += addition.metrics.length + addition.params.length + addition.tags.length
    if (count > 0 && rows > MOST_ROWS_PER_COMMIT) break
    count += 1
  }
  return waiting.splice(0, count)
}

type Accepted = { readonly row: RunRow; readonly addition: Addition }
type Written = { readonly refusals: ReadonlyMap<number, AppError>; readonly accepted: readonly Accepted[] }

/** Writes what can be kept; answers it, and the refusal of each addition that cannot, by its position. */
async function writeAll({ sql, insertRows }: Deps, tx: Tx, additions: readonly Addition[]): Promise<Written> {
  const refusals = new Map<number, AppError>()
  const accepted: Accepted[] = []
  const byProject = Map.groupBy(additions.entries(), ([, addition]) => addition.project)
  for (const [project, group] of [...byProject].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const ids = new Set(group.map(([, addition]) => addition.runId))
    const found = await findRunRows(tx, project, [...ids], sql.dialect === 'postgresql')
    const known = await knownParams(tx, project, group, found)
    const models = await modelsNamed(tx, project, group)
    for (const [i, addition] of group) {
      const row = found.get(addition.runId)
      const refusal = refusalOf(addition, row, known, models)
      if (refusal) refusals.set(i, refusal)
      else accepted.push({ row: row!, addition })
    }
  }
  await insertMetrics(
    insertRows,
    tx,
    entriesOf(accepted, (addition) => addition.metrics),
  )
  await insertModelMetrics(
    insertRows,
    tx,
    accepted.flatMap(({ row, addition }) => addition.metrics.map((entry: LoggedMetric) => ({ row, runId: row.id, entry }))),
  )
  await insertParams(
    insertRows,
    tx,
    entriesOf(accepted, (addition) => addition.params),
  )
  // An empty name is no name: it changes neither the run nor its tag.
  const tags = entriesOf(accepted, (addition) => addition.tags.filter(({ key, value }) => key !== RUN_NAME_TAG || value !== ''))
  await saveTags(insertRows, tx, tags)
  for (const { row, entry } of tags) if (entry.key === RUN_NAME_TAG) await updateRun(tx, row, { name: entry.value })
  return { refusals, accepted }
}

function entriesOf<T>(accepted: readonly Accepted[], list: (addition: Addition) => readonly T[]): RunOf<T>[] {
  return accepted.flatMap(({ row, addition }) => list(addition).map((entry) => ({ row, entry })))
}

type Group = readonly (readonly [number, Addition])[]
/** The params of each run by key, as they will be once what was accepted so far is written. */
type KnownParams = Map<string, Map<string, string>>

async function knownParams(tx: Tx, project: string, group: Group, rows: ReadonlyMap<string, RunRow>): Promise<KnownParams> {
  const known: KnownParams = new Map()
  const ids = new Set(group.filter(([, addition]) => addition.params.length > 0).map(([, addition]) => addition.runId))
  const asked = [...ids].flatMap((id) => rows.get(id) ?? [])
  const found = await pairsOf(
    tx,
    'run_params',
    project,
    asked.map((row) => row.run),
  )
  for (const row of asked) known.set(row.id, new Map((found.get(row.run) ?? []).map(({ key, value }) => [key, value])))
  return known
}

async function modelsNamed(tx: Tx, project: string, group: Group): Promise<Set<string>> {
  const ids = new Set(group.flatMap(([, addition]) => addition.metrics.flatMap((metric) => metric.modelId ?? [])))
  return await knownModels(tx, project, [...ids])
}

/** Why an addition cannot be kept; when it can, its params become known. */
function refusalOf(addition: Addition, row: RunRow | undefined, known: KnownParams, models: ReadonlySet<string>): AppError | undefined {
  if (!row) return noRun(addition.runId)
  const notActive = needActive(row)
  if (notActive) return notActive
  const stranger = addition.metrics.find((metric) => metric.modelId !== undefined && !models.has(metric.modelId))
  if (stranger) return noLoggedModel(stranger.modelId!)
  const params = known.get(row.id) ?? new Map<string, string>()
  const changed = addition.params.filter(({ key, value }) => (params.get(key) ?? value) !== value)
  if (changed.length > 0) return refuseChange(addition, changed, params)
  for (const { key, value } of addition.params) params.set(key, value)
  return undefined
}

function refuseChange({ runId, single }: Addition, changed: readonly Pair[], params: ReadonlyMap<string, string>): AppError {
  const changes = changed.map(({ key, value }) => ({ key, before: params.get(key)!, value }))
  return single ? paramChanged(runId, changes[0]!) : paramsChanged(runId, changes)
}
