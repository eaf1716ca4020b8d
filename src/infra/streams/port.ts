/** One event as a source gives it. */
export type StreamEvent = {
  /** Events of one partition come in order; `0` where there is but one. */
  readonly partition: string
  /** Counts up within the partition, with or without gaps; names the event there for ever. */
  readonly position: number
  /** When the source took it. */
  readonly atMs: number
  readonly bytes: Uint8Array
}

/** How a source is opened, and what it is told and tells. */
export type OpenSource = {
  /** Where a group begins that the source knows nothing of. */
  readonly from: 'new' | 'all'
  readonly group: string
  /** The position after which to go on, where it is known; what was read and not acknowledged comes again. */
  readonly resumeAfter: (partition: string) => Promise<number | undefined>
  /** Called with the place of a group that begins in the middle and whose place only the caller keeps. */
  readonly onStart: (partition: string, position: number) => Promise<void>
  /** Called when partitions are no longer given to this process. */
  readonly onLost: (partitions: readonly string[]) => void
  /** The most events that may be under way between `pull` and `ack`. */
  readonly maxInFlight: number
}

/**
 * Events read by a group, at least once. There is no negative acknowledgement: a reader that cannot go on holds back its `ack`,
 * and what was not acknowledged comes again, in order, to whoever opens the source next.
 */
export type StreamSource = {
  /**
   * The next events, in the order of each partition: at least one, at most `most`; the first waits up to `lingerMs` for others.
   * Nothing only when `signal` aborts. Events may come again. Throws `unavailable` when the source must be opened anew.
   */
  pull(most: number, lingerMs: number, signal: AbortSignal): Promise<readonly StreamEvent[]>
  /** Nothing up to this position is asked for again by the group. */
  ack(partition: string, position: number): Promise<void>
  /** Makes what was pulled so far survive a loss of power, where that is the source’s to do. */
  sync(): Promise<void>
  /** Events that the group has not read yet; null when the source cannot tell. */
  lag(): Promise<number | null>
  /** Events that were gone before this reader came to them, since it was opened. */
  missed(): number
  close(): Promise<void>
}

export type Outgoing = {
  /** The same id is the same event: a sink that remembers it stores it once. */
  readonly id: string
  /** Events of one key stay in order. */
  readonly key: string
  readonly bytes: Uint8Array
}

export type StreamSink = {
  /** Resolves when all are stored, with how many were there already. Throws `unavailable` or `storage_full`; then some may be stored. */
  publish(events: readonly Outgoing[]): Promise<{ readonly duplicates: number }>
  /** Makes what was published survive a loss of power, where that is the sink’s to do. */
  sync(): Promise<void>
  close(): Promise<void>
}

export const MOST_EVENT_BYTES = 1_048_576
