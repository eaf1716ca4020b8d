import { AppError, messageFrom } from '../../contract/errors.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Sql, Tx } from '../sql/index.ts'
import { type Backoff, backoffDelayMs } from './backoff.ts'
import { type Claim, type Ending, type Job, type JobRow, jobFrom, updateClaimed } from './store.ts'

export type JobContext = {
  readonly job: Job
  readonly payload: unknown
  /** Aborts when the job is cancelled, runs out of time, is taken over or the process stops; `reason` is an `AppError`. */
  readonly signal: AbortSignal
  /** Makes sure, now, that the job is still this worker's; throws the signal's reason when it is not. Leases are also prolonged without it. */
  heartbeat(): Promise<void>
  /** Says how far the job is, from 0 to 1; written at most every 250 ms. */
  progress(fraction: number, note?: string): Promise<void>
  /**
   * Marks the job done in `tx`, together with what it wrote there, so that its effect counts once whatever happens.
   * Throws `conflict` when another worker has taken the job over, which rolls `tx` back.
   */
  completeIn(tx: Tx): Promise<void>
}

export type JobKind = {
  /** Does the work. It may run more than once for one job, so it is idempotent or ends with `completeIn`. Throwing means a later attempt. */
  readonly run: (context: JobContext) => Promise<void>
  /** Attempts before the job is dead. */
  readonly maxAttempts?: number
  readonly backoff?: Backoff
  /** Whether a later attempt may end better than this failure; a job for which that is false is dead at once. Always, by default. */
  readonly mayRecover?: (thrown: unknown) => boolean
  /** How long one attempt may take. */
  readonly timeoutMs?: number
  /** How many jobs of this kind run at once in one process; otherwise only the worker's own limit holds. */
  readonly concurrency?: number
}

const defaultKind = { maxAttempts: 5, backoff: { baseMs: 1_000, capMs: 300_000 }, timeoutMs: 60_000 } as const

/** An aborted job that does not stop within this is left behind: its slot is free, and its claim writes nothing more. */
const ABANDON_AFTER_MS = 5_000
const PROGRESS_INTERVAL_MS = 250
const RECORD_RETRY_MS = 1_000
const ERROR_TEXT_LIMIT = 2_000

export type AbortCause = 'cancelled' | 'timeout' | 'lost' | 'stopping'

export type Running = {
  readonly claim: Claim
  readonly row: JobRow
  readonly kind: JobKind
  readonly controller: AbortController
  leaseUntilMs: number
  /** Why it was aborted, when it was. */
  cause?: AbortCause
  /** The work is over, or done in a transaction; only the outcome is left to record. */
  isOver: boolean
  isCompleted: boolean
}

export type RunDeps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly renew: (running: Running) => Promise<void>
  /** Records an outcome; false when the claim was lost. */
  readonly end: (ending: Ending) => Promise<boolean>
  readonly isStopping: () => boolean
}

export function abort(running: Running, cause: AbortCause) {
  if (running.cause || running.isOver) return
  running.cause = cause
  running.controller.abort(abortError(running, cause))
}

function abortError({ row, kind }: Running, cause: AbortCause): AppError {
  const subject = `job ${row.id} (${row.kind})`
  switch (cause) {
    case 'cancelled':
      return new AppError('cancelled', `${subject} was cancelled`)
    case 'timeout':
      return new AppError('timeout', `${subject} took longer than ${kind.timeoutMs ?? defaultKind.timeoutMs} ms`)
    case 'lost':
      return new AppError('conflict', `${subject} was taken over by another worker`)
    case 'stopping':
      return new AppError('cancelled', `${subject} was put back: this process is stopping`)
  }
}

/** Runs one claimed job to its end and records the outcome. Never throws. */
export async function runJob(running: Running, deps: RunDeps): Promise<void> {
  const { clock, log } = deps
  const { kind, row } = running
  const cancelTimeout = clock.after(kind.timeoutMs ?? defaultKind.timeoutMs, () => abort(running, 'timeout'))
  let failure: { thrown: unknown } | undefined
  try {
    running.controller.signal.throwIfAborted()
    await untilAbandoned(kind.run(contextOf(running, deps)), running, deps)
  } catch (thrown) {
    failure = { thrown }
  }
  cancelTimeout()
  running.isOver = true
  if (running.isCompleted || running.cause === 'lost') {
    if (failure)
      log.warn('jobs.ended_with_error', { job: row.id, kind: row.kind, done: running.isCompleted, error: messageFrom(failure.thrown) })
    return
  }
  await record(running, outcomeOf(running, failure, deps), deps)
}

/** Rejects when the work goes on for long after its signal has aborted. */
function untilAbandoned(work: Promise<void>, running: Running, { clock, log }: RunDeps): Promise<void> {
  const { signal } = running.controller
  return new Promise((resolve, reject) => {
    let cancel = () => {}
    const onAbort = () => {
      cancel = clock.after(ABANDON_AFTER_MS, () => {
        log.error('jobs.ignores_its_signal', { job: running.row.id, kind: running.row.kind, cause: running.cause })
        reject(signal.reason)
      })
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const settle = (end: () => void) => {
      cancel()
      signal.removeEventListener('abort', onAbort)
      end()
    }
    work.then(
      () => settle(resolve),
      (thrown) => settle(() => reject(thrown)),
    )
  })
}

function contextOf(running: Running, { sql, clock, renew }: RunDeps): JobContext {
  const { claim, controller, row } = running
  const { signal } = controller
  const job = jobFrom(row)
  let writtenAtMs = Number.NEGATIVE_INFINITY
  return {
    job,
    payload: job.payload,
    signal,
    async heartbeat() {
      signal.throwIfAborted()
      await renew(running)
      signal.throwIfAborted()
    },
    async progress(fraction, note = '') {
      signal.throwIfAborted()
      if (clock.now() - writtenAtMs < PROGRESS_INTERVAL_MS) return
      writtenAtMs = clock.now()
      await updateClaimed(sql, claim, { progress: Math.min(1, Math.max(0, fraction)), note })
    },
    async completeIn(tx) {
      signal.throwIfAborted()
      if (!(await updateClaimed(tx, claim, doneAt(clock.now())))) throw abortError(running, 'lost')
      tx.afterCommit(() => {
        running.isCompleted = true
        running.isOver = true
      })
    },
  }
}

const ended = { lease: null, lease_until: null }
const doneAt = (nowMs: number): Partial<JobRow> => ({ ...ended, state: 'done', progress: 1, error: null, ended_at: nowMs })

function outcomeOf(
  { row, kind, cause }: Running,
  failure: { thrown: unknown } | undefined,
  { clock, random, log }: RunDeps,
): Partial<JobRow> {
  const nowMs = clock.now()
  if (!failure) return doneAt(nowMs)
  const error = messageFrom(failure.thrown).slice(0, ERROR_TEXT_LIMIT)
  if (cause === 'cancelled') return { ...ended, state: 'cancelled', error, ended_at: nowMs }
  if (cause === 'stopping') return { ...ended, state: 'waiting', run_at: nowMs }
  const failures = row.failures + 1
  const facts = { job: row.id, kind: row.kind, project: row.project, failures, error: failure.thrown }
  const isHopeless = cause === undefined && kind.mayRecover?.(failure.thrown) === false
  if (isHopeless || failures >= (kind.maxAttempts ?? defaultKind.maxAttempts)) {
    log.error('jobs.dead', facts)
    return { ...ended, state: 'dead', failures, error, ended_at: nowMs }
  }
  const runAtMs = nowMs + backoffDelayMs(kind.backoff ?? defaultKind.backoff, failures, random())
  log.warn('jobs.failed', { ...facts, runAtMs })
  return { ...ended, state: 'waiting', failures, error, run_at: runAtMs }
}

/** Keeps at it while the store is away, for the outcome exists nowhere else; gives up when the process stops. */
async function record(running: Running, outcome: Partial<JobRow>, { end, clock, log, isStopping }: RunDeps): Promise<void> {
  const { claim, row } = running
  for (;;) {
    try {
      if (!(await end({ claim, outcome, nowMs: clock.now() }))) log.warn('jobs.lost', { job: row.id, kind: row.kind })
      return
    } catch (error) {
      log.error('jobs.outcome_not_recorded', { job: row.id, kind: row.kind, error })
      if (isStopping()) return
      await sleep(clock, RECORD_RETRY_MS)
    }
  }
}
