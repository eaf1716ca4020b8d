import type { BusEvent } from './event.ts'

export type BusHealth = { readonly status: 'ok' | 'degraded'; readonly detail: string }

/**
 * Carries placed events between processes faster than the outbox is polled. It may lose, repeat and reorder: the outbox
 * is the truth, and whatever is missing is read from there.
 */
export type Transport = {
  /** Connects, for as long as it takes, in the background. */
  start(installation: string, on: { event: (event: BusEvent) => void; connected: () => void }): void
  isConnected(): boolean
  /** Resolves when the transport has stored all of them. Throws `unavailable`. */
  send(events: readonly BusEvent[]): Promise<void>
  health(): BusHealth
  stop(): Promise<void>
}
