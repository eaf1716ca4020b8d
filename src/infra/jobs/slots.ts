import { createEndings } from './endings.ts'
import { abort, type JobKind, type RunDeps, type Running, runJob } from './run-job.ts'
import { type JobRow, renewLeases } from './store.ts'

export type SlotsDeps = Omit<RunDeps, 'renew' | 'end' | 'isStopping'> & {
  readonly kinds: ReadonlyMap<string, JobKind>
  readonly concurrency: number
  readonly leaseMs: number
  /** Called when a slot has become free. */
  readonly onFree: () => void
}

/** What may be claimed at once: up to `limit` jobs of `kinds`. */
export type Opening = { readonly kinds: readonly string[]; readonly limit: number }

/** The jobs that run in this process, and the claims on them. */
export class Slots {
  readonly #deps: SlotsDeps
  readonly #running = new Map<string, Running>()
  readonly #ends = new Set<Promise<void>>()
  readonly #end: RunDeps['end']
  #cancelBeat = () => {}
  #isStopping = false
  #round = 0

  constructor(deps: SlotsDeps) {
    this.#deps = deps
    this.#end = createEndings(deps.sql)
  }

  get free(): number {
    return this.#deps.concurrency - this.#running.size
  }

  get isIdle(): boolean {
    return this.#running.size === 0
  }

  /** The kinds without a limit of their own together, the others one by one, each time from another start so that none starves. */
  openings(): readonly Opening[] {
    const counts = new Map<string, number>()
    for (const { row } of this.#running.values()) counts.set(row.kind, (counts.get(row.kind) ?? 0) + 1)
    const shared: string[] = []
    const all: Opening[] = [{ kinds: shared, limit: this.free }]
    for (const [name, { concurrency }] of this.#deps.kinds) {
      if (concurrency === undefined) shared.push(name)
      else all.push({ kinds: [name], limit: Math.min(this.free, concurrency - (counts.get(name) ?? 0)) })
    }
    const open = all.filter(({ kinds, limit }) => kinds.length > 0 && limit > 0)
    const first = this.#round++ % Math.max(1, open.length)
    return [...open.slice(first), ...open.slice(0, first)]
  }

  launch(row: JobRow, { lease, leaseUntilMs }: { lease: string; leaseUntilMs: number }) {
    const key = lease + row.id
    const running: Running = {
      claim: { id: row.id, lease },
      row,
      kind: this.#deps.kinds.get(row.kind)!,
      controller: new AbortController(),
      leaseUntilMs,
      isOver: false,
      isCompleted: false,
    }
    this.#running.set(key, running)
    if (this.#running.size === 1) this.#scheduleBeat()
    if (this.#isStopping) abort(running, 'stopping')
    const run = runJob(running, {
      ...this.#deps,
      renew: (one) => this.#renew([one]),
      end: this.#end,
      isStopping: () => this.#isStopping,
    })
    const end = run.finally(() => {
      this.#running.delete(key)
      this.#ends.delete(end)
      if (this.#running.size === 0) this.#cancelBeat()
      this.#deps.onFree()
    })
    this.#ends.add(end)
  }

  /** Prolongs the claims, and aborts what was cancelled or taken over meanwhile. */
  checkLeases() {
    const { sql, clock, log } = this.#deps
    const all = [...this.#running.values()].filter((one) => !one.isOver)
    if (all.length === 0) return
    this.#renew(all).catch((error) => {
      log.warn('jobs.leases_not_renewed', { error, jobs: all.length })
      // A single process has no rival that could have taken its jobs.
      if (sql.dialect === 'sqlite') return
      for (const one of all) if (clock.now() > one.leaseUntilMs) abort(one, 'lost')
    })
  }

  cancel(id: string) {
    for (const one of this.#running.values()) if (one.row.id === id) abort(one, 'cancelled')
  }

  /** Resolves when the next job has ended; false, at once, when none runs. */
  async nextEnd(): Promise<boolean> {
    if (this.#ends.size === 0) return false
    await Promise.race(this.#ends)
    return true
  }

  /** Waits up to `limitMs` for the jobs that run, then aborts them and waits until they are given back. */
  async stop(limitMs: number): Promise<void> {
    this.#isStopping = true
    const limit = Promise.withResolvers<void>()
    const cancelLimit = this.#deps.clock.after(limitMs, limit.resolve)
    await Promise.race([Promise.all(this.#ends), limit.promise])
    cancelLimit()
    for (const one of this.#running.values()) abort(one, 'stopping')
    await Promise.all(this.#ends)
    this.#cancelBeat()
  }

  #scheduleBeat() {
    this.#cancelBeat = this.#deps.clock.after(this.#deps.leaseMs / 3, () => {
      this.#scheduleBeat()
      this.checkLeases()
    })
  }

  async #renew(all: readonly Running[]): Promise<void> {
    const leaseUntilMs = this.#deps.clock.now() + this.#deps.leaseMs
    const claims = all.map(({ claim }) => claim)
    const held = await renewLeases(this.#deps.sql, claims, leaseUntilMs)
    for (const one of all) {
      const mine = held.get(one.claim.lease + one.claim.id)
      if (!mine) abort(one, 'lost')
      else if (mine.isCancelled) abort(one, 'cancelled')
      else one.leaseUntilMs = leaseUntilMs
    }
  }
}
