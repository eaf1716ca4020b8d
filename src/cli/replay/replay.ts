import { type Connection, createClient } from '../../contract/client.ts'
import { deployments } from '../../contract/deployments.ts'
import { labels } from '../../contract/labels.ts'
import type { Shell } from '../shell.ts'
import { inferRows, patiently } from './inference.ts'
import { createOwedLabels, type Owed } from './labels.ts'
import type { Row } from './rows.ts'
import { createScoreboard, decileOf, type Scoreboard } from './scoreboard.ts'
import type { Delay } from './values.ts'

export type ReplayPlan = {
  readonly deployment: string
  /** Request ids are `<prefix>-<row>`. */
  readonly prefix: string
  /** Rows of the whole file, by which its tenths are cut. */
  readonly rowsOfFile: number
  /** First row that is asked; rows before it are read for their labels only. */
  readonly from: number
  /** Last row that is asked. */
  readonly to: number
  /** Rows before `from` whose labels an earlier replay may not have told yet. */
  readonly retell: number
  /** Rows a second. */
  readonly rate: number
  readonly delay: Delay
  /** Whether a delay in seconds counts in the file’s own time. */
  readonly timed: boolean
  readonly rowsPerRequest: number
}

export type ReplayState = {
  readonly scoreboard: Scoreboard
  readonly startedMs: number
  /** The last row that was answered. */
  last: number
  told: number
  unrecorded: number
  interrupted: boolean
}

export type ReplayWatcher = { moved(state: ReplayState): void; decileDone(state: ReplayState, decile: number): void }

const MOST_OWED = 1_000_000
const LABELS_PER_CALL = 5_000
const BATCHES_PER_SECOND = 20
const MOST_ROWS_AT_ONCE = 64

/** How many rows one request carries: few at a low rate, so that time and label delay stay true to the row. */
export function batchSizeFor(rate: number, rowsPerRequest: number): number {
  const wanted = Number.isFinite(rate) ? Math.ceil(rate / BATCHES_PER_SECOND) : MOST_ROWS_AT_ONCE
  return Math.max(1, Math.min(wanted, MOST_ROWS_AT_ONCE, rowsPerRequest))
}

/**
 * Asks a deployment for row after row and tells it each label when its delay has passed: every row is scored by an answer
 * that came before its label was told. One request is under way at a time, so a slow server slows the replay and nothing
 * piles up. When the person stops, the labels still owed are told at once. On an error `state` shows how far it came.
 */
export async function replayRows(
  plan: ReplayPlan,
  rows: AsyncIterable<Row>,
  connection: Connection,
  shell: Shell,
  watcher: ReplayWatcher,
): Promise<ReplayState> {
  const stop = shell.interrupted()
  const client = createClient(connection)
  const owed = createOwedLabels(plan.delay)
  const state: ReplayState = {
    scoreboard: createScoreboard(plan.rowsOfFile),
    startedMs: shell.now(),
    last: plan.from - 1,
    told: 0,
    unrecorded: 0,
    interrupted: false,
  }
  const size = batchSizeFor(plan.rate, plan.rowsPerRequest)
  let batch: Row[] = []
  let previousLabel: number | undefined
  let fileMs = 0

  async function ask(): Promise<void> {
    const asked = batch
    batch = []
    const dueMs = state.startedMs + ((asked[0]!.n - plan.from) / plan.rate) * 1_000
    if (dueMs > shell.now()) await shell.pause(dueMs - shell.now(), stop)
    const ids = asked.map((row) => idOf(plan, row.n))
    const reply = await patiently(shell, stop, () => inferRows(connection, plan.deployment, asked, ids))
    if (!reply.recorded) state.unrecorded += asked.length
    for (const [i, { n, label, timeMs }] of asked.entries()) {
      state.scoreboard.add({ n, label, prediction: reply.predictions[i]!, version: reply.versions[i]!, previousLabel })
      owe(n, label, timeMs)
    }
    state.last = asked.at(-1)!.n
    await tell(owed.due(state.last, nowMs()))
    watcher.moved(state)
    if (state.last === plan.to || decileOf(state.last + 1, plan.rowsOfFile) !== decileOf(state.last, plan.rowsOfFile)) await endDecile()
  }

  function owe(n: number, label: number, timeMs: number | undefined): void {
    fileMs = timeMs ?? fileMs
    previousLabel = Number.isNaN(label) ? previousLabel : label
    if (!Number.isNaN(label)) owed.push({ n, label, atMs: plan.timed ? timeMs! : shell.now() })
  }

  async function tell(due: readonly Owed[]): Promise<void> {
    for (let from = 0; from < due.length; from += LABELS_PER_CALL) {
      const part = due.slice(from, from + LABELS_PER_CALL).map(({ n, label }) => ({ recordId: idOf(plan, n), label, source: 'replay' }))
      await patiently(shell, stop, () => client.call(labels.recordLabels, { deployment: plan.deployment, labels: part }))
      state.told += part.length
    }
  }

  async function endDecile(): Promise<void> {
    const decile = decileOf(state.last, plan.rowsOfFile)
    const { route } = await patiently(shell, stop, () => client.call(deployments.getDeployment, { deployment: plan.deployment }))
    state.scoreboard.deciles[decile - 1]!.champion = route.championVersion
    watcher.decileDone(state, decile)
  }

  /** Waits until the labels that have a time of their own fall due: at the end of the file, or when too many are owed. */
  async function waitForLabels(most: number): Promise<void> {
    while (owed.size > most && !stop.aborted) {
      const next = plan.timed ? undefined : owed.nextMs()
      if (next === undefined) return
      await shell.pause(Math.max(1, next - shell.now()), stop)
      await tell(owed.due(state.last, shell.now()))
    }
  }

  const nowMs = () => (plan.timed ? fileMs : shell.now())
  const isFull = (last: number) => batch.length === size || decileOf(last + 1, plan.rowsOfFile) !== decileOf(last, plan.rowsOfFile)
  for await (const row of rows) {
    if (row.n > plan.to || stop.aborted) break
    if (row.n < plan.from) {
      if (row.n >= plan.from - plan.retell) owe(row.n, row.label, row.timeMs)
      else previousLabel = Number.isNaN(row.label) ? previousLabel : row.label
      continue
    }
    batch.push(row)
    if (!isFull(row.n) && row.n !== plan.to) continue
    await waitForLabels(MOST_OWED)
    await ask()
  }
  if (batch.length > 0 && !stop.aborted) await ask()
  state.interrupted = stop.aborted && state.last < plan.to
  await waitForLabels(0)
  await tell(owed.all())
  return state
}

function idOf({ prefix }: Pick<ReplayPlan, 'prefix'>, row: number): string {
  return `${prefix}-${row}`
}
