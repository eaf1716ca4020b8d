import { AppError } from '../../contract/errors.ts'
import type { Ids } from '../ids.ts'
import { releaseLapsed } from './lapses.ts'
import { createLoop, type Loop } from './loop.ts'
import { nextTurnMs, takeTurns } from './schedules.ts'
import { Slots, type SlotsDeps } from './slots.ts'
import { claimJobs, deleteEnded, nextDueMs } from './store.ts'

export type WorkerDeps = Omit<SlotsDeps, 'onFree'> & {
  readonly ids: Ids
  /** How long done, cancelled and dead jobs are kept. */
  readonly keepMs: number
}

/** How long to wait before looking again, when nothing says that there is work. */
const POLL_MS = { sqlite: 60_000, postgresql: 5_000 } as const
/** Jobs that are due and cannot be had are in another process's hands for a moment. */
const SHORTEST_WAIT_MS = 50
const RETRY_MS = 1_000
const SWEEP_EVERY_MS = 600_000
const SWEEP_BATCH = 1_000

/** Finds due work, one look at a time, and fills the free slots with it. */
export class Worker {
  readonly slots: Slots
  readonly #deps: WorkerDeps
  readonly #loop: Loop
  #isStarted = false
  #nextTurnMs = 0
  #nextReclaimMs = 0
  #nextSweepMs = 0

  constructor(deps: WorkerDeps) {
    this.#deps = deps
    this.slots = new Slots({ ...deps, onFree: () => this.#loop.poke() })
    this.#loop = createLoop(deps.clock, () => this.#look())
  }

  async start(): Promise<void> {
    if (this.#isStarted) throw new AppError('internal', 'the worker is started already')
    // The file belongs to one process, so whoever ran these jobs is gone.
    if (this.#deps.sql.dialect === 'sqlite') while ((await releaseLapsed(this.#deps)) > 0) {}
    this.#isStarted = true
    this.#loop.start()
  }

  /** Looks now: the tables have changed. */
  wake() {
    this.#nextTurnMs = 0
    this.#loop.poke()
  }

  /** Resolves when nothing is due and nothing runs. */
  async settle(): Promise<void> {
    const { sql, clock, kinds } = this.#deps
    for (;;) {
      await this.#loop.idle()
      if (await this.slots.nextEnd()) continue
      const dueMs = Math.min((await this.#nextDueMs([...kinds.keys()])) ?? Infinity, (await nextTurnMs(sql)) ?? Infinity)
      if (!this.#loop.isIdle() || !this.slots.isIdle) continue
      if (!this.#isStarted || dueMs > clock.now()) return
      this.wake()
    }
  }

  async stop(limitMs: number): Promise<void> {
    this.#isStarted = false
    await this.#loop.stop()
    await this.slots.stop(limitMs)
  }

  async #look(): Promise<number> {
    try {
      await this.#takeTurns()
      await this.#reclaim()
      await this.#sweep()
      while (this.#isStarted && (await this.#claim()) > 0) {}
      return await this.#waitMs()
    } catch (error) {
      this.#deps.log.warn('jobs.store_unavailable', { error })
      return RETRY_MS
    }
  }

  async #takeTurns() {
    const { sql, clock } = this.#deps
    if (clock.now() < this.#nextTurnMs) return
    while ((await takeTurns(this.#deps)) > 0) {}
    this.#nextTurnMs = (await nextTurnMs(sql)) ?? Infinity
  }

  async #reclaim() {
    const { sql, clock, kinds, leaseMs } = this.#deps
    if (sql.dialect === 'sqlite' || kinds.size === 0 || clock.now() < this.#nextReclaimMs) return
    this.#nextReclaimMs = clock.now() + leaseMs / 3
    await releaseLapsed(this.#deps, { kinds: [...kinds.keys()], beforeMs: clock.now() })
  }

  async #sweep() {
    const { sql, clock, keepMs } = this.#deps
    if (clock.now() < this.#nextSweepMs) return
    this.#nextSweepMs = clock.now() + SWEEP_EVERY_MS
    const beforeMs = clock.now() - keepMs
    while ((await deleteEnded(sql, ['done', 'cancelled', 'dead'], beforeMs, SWEEP_BATCH)) === SWEEP_BATCH) {}
  }

  async #claim(): Promise<number> {
    const { sql, clock, ids, leaseMs } = this.#deps
    let claimed = 0
    for (const { kinds, limit } of this.slots.openings()) {
      if (this.slots.free <= 0) break
      const lease = ids('lease')
      const nowMs = clock.now()
      const leaseUntilMs = nowMs + leaseMs
      const rows = await claimJobs(sql, { kinds, limit: Math.min(limit, this.slots.free), lease, nowMs, leaseUntilMs })
      for (const row of rows) this.slots.launch(row, { lease, leaseUntilMs })
      claimed += rows.length
    }
    return claimed
  }

  async #nextDueMs(kinds: readonly string[]): Promise<number | undefined> {
    return kinds.length === 0 ? undefined : nextDueMs(this.#deps.sql, kinds)
  }

  async #waitMs(): Promise<number> {
    const { sql, clock } = this.#deps
    const open = this.slots.openings().flatMap(({ kinds }) => kinds)
    const nextMs = Math.min((await this.#nextDueMs(open)) ?? Infinity, this.#nextTurnMs)
    return Math.max(SHORTEST_WAIT_MS, Math.min(POLL_MS[sql.dialect], nextMs - clock.now()))
  }
}
