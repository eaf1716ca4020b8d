import type { ClientSettings } from '../infra/config.ts'

/** Where a command writes: data to `out`, everything else to `note`. */
export type Terminal = {
  /** Data. Resolves when the reader has room for more. */
  out(data: string | Uint8Array): Promise<void>
  /** Notes, progress and errors. */
  note(text: string): void
  /** Width of the table a person can read at once; undefined when the reader is no terminal. */
  readonly columns: number | undefined
  /** Whether a person watches the notes, so that a line may be redrawn. */
  readonly watched: boolean
  readonly colours: boolean
}

/** Everything a command takes from the process around it. */
export type Shell = {
  readonly terminal: Terminal
  readonly settings: ClientSettings
  /** The folder that relative paths start from. */
  readonly folder: string
  readonly input: AsyncIterable<Uint8Array>
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Resolves after `ms`, or at once when `signal` aborts. */
  pause(ms: number, signal?: AbortSignal): Promise<void>
  /** Aborts when the person asks to stop; from the first call on, Ctrl-C no longer ends the process by itself. */
  interrupted(): AbortSignal
  /** Runs a TypeScript program of this package in the person’s folder, with further settings in its environment, and gives its exit code. */
  start(file: string, args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<number>
  readonly send?: (url: string, init: RequestInit) => Promise<Response>
}
