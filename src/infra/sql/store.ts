import type { Kysely } from 'kysely'
import { AppError, messageFrom } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'

export type Dialect = 'sqlite' | 'postgresql'
/** No table of its own: a store names its tables with `db.withTables<Own>()`. */
export type Tables0 = Record<never, never>

/** What a store is a function of, so that it runs inside a transaction and outside one. */
export type Db = { readonly db: Kysely<Tables0> }

/** What differs between SQLite and PostgreSQL. */
export type Store = {
  readonly dialect: Dialect
  readonly name: string
  readonly db: Kysely<Tables0>
  /** Runs `run` in a transaction, without its limit, while no other process does the same. */
  alone<R>(run: (db: Kysely<Tables0>) => Promise<R>): Promise<R>
  isRetryable(thrown: unknown): boolean
  /** Tells the other processes that share the store, when what `to` does is committed. */
  tell(to: Db, channel: string): Promise<void>
  /** Begins to hear what other processes tell. */
  hear(): void
  close(): Promise<void>
}

export type OpenStore = {
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly limitMs: number
  /** Throws where a statement must not start: inside another transaction, and after the end. */
  readonly assertUsable: () => void
  /** Called with the channel of every notice of another process. */
  readonly heard: (channel: string) => void
  /** Called when notices may have been missed. */
  readonly missed: () => void
}

export const MIGRATION_LIMIT_MS = 3_600_000

export function expiredError(limitMs: number): AppError {
  const message = `a transaction was held longer than ${limitMs} ms and was rolled back; do slow work before it or after it`
  return new AppError('timeout', message, { limitMs })
}

export function doomedError(cause?: unknown): AppError {
  const why = cause === undefined ? '' : ` (${messageFrom(cause)})`
  return new AppError(
    'internal',
    `a statement of the transaction failed${why}, so nothing was stored; do not catch its error inside`,
    {},
    cause,
  )
}

export function endedError(): AppError {
  return new AppError('internal', 'a statement came after the end of its transaction; await every statement inside')
}
