import { type Connection, createClient } from '../../contract/client.ts'
import { deployments } from '../../contract/deployments.ts'
import type { Shell } from '../shell.ts'
import { inferRows, patiently } from './inference.ts'
import type { Row } from './rows.ts'
import { createScoreboard, decileOf, type Scoreboard } from './scoreboard.ts'
import { createTelling, idOf } from './telling.ts'
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
 * piles up. When the person stops, the labels still owed are told at once.
 */
export async function replayRows(
  plan: ReplayPlan,
  rows: AsyncIterable<Row>,
  connection: Connection,
  shell: Shell,
  watcher: ReplayWatcher,
): Promise<ReplayState> {
  const stop = shell.interrupted()
  const telling = createTelling(plan, createClient(connection), shell)
  const state = startState(plan, shell.now())
  const size = batchSizeFor(plan.rate, plan.rowsPerRequest)
  const decile = (n: number) => decileOf(n, plan.rowsOfFile)
  let batch: Row[] = []
  let previousLabel: number | undefined

  async function ask(): Promise<void> {
    const asked = batch
    batch = []
    const dueMs = state.startedMs + ((asked[0]!.n - plan.from) / plan.rate) * 1_000
    if (dueMs > shell.now()) await shell.pause(dueMs - shell.now(), stop)
    const ids = asked.map((row) => idOf(plan, row.n))
    const reply = await patiently(shell, stop, () => inferRows(connection, plan.deployment, asked, ids))
    if (!reply.recorded) state.unrecorded += asked.length
    for (const [i, row] of asked.entries()) {
      state.scoreboard.add({ ...row, prediction: reply.predictions[i]!, version: reply.versions[i]!, previousLabel })
      previousLabel = Number.isNaN(row.label) ? previousLabel : row.label
      telling.owe(row)
    }
    state.last = asked.at(-1)!.n
    await telling.tellDue(state.last)
    watcher.moved(state)
    if (state.last === plan.to || decile(state.last + 1) !== decile(state.last)) await noteChampion(plan, state, connection, shell, watcher)
  }

  for await (const row of rows) {
    if (row.n > plan.to || stop.aborted) break
    if (row.n < plan.from) {
      previousLabel = Number.isNaN(row.label) ? previousLabel : row.label
      if (row.n >= plan.from - plan.retell) telling.owe(row)
      continue
    }
    batch.push(row)
    // A request never spans two tenths, so that each tenth ends with the champion of its last row.
    if (batch.length < size && row.n !== plan.to && decile(row.n + 1) === decile(row.n)) continue
    await telling.waitDownTo(MOST_OWED, state.last)
    await ask()
  }
  if (batch.length > 0 && !stop.aborted) await ask()
  state.interrupted = stop.aborted && state.last < plan.to
  await telling.waitDownTo(0, state.last)
  await telling.tellAll()
  state.told = telling.told
  return state
}

function startState(plan: ReplayPlan, startedMs: number): ReplayState {
  return { scoreboard: createScoreboard(plan.rowsOfFile), startedMs, last: plan.from - 1, told: 0, unrecorded: 0, interrupted: false }
}

/** Writes down which version is champion at the end of a tenth. */
async function noteChampion(
  plan: ReplayPlan,
  state: ReplayState,
  connection: Connection,
  shell: Shell,
  watcher: ReplayWatcher,
): Promise<void> {
  const ask = () => createClient(connection).call(deployments.getDeployment, { deployment: plan.deployment })
  const { route } = await patiently(shell, shell.interrupted(), ask)
  const number = decileOf(state.last, plan.rowsOfFile)
  state.scoreboard.deciles[number - 1]!.champion = route.championVersion
  watcher.decileDone(state, number)
}
