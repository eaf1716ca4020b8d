/** Bounds of the telemetry store. Every one can be set; these are the defaults. */
export type ColumnsLimits = {
  /** The longest a reading query may run. */
  readonly queryMs: number
  /** The longest an insert or a schema change may run. */
  readonly writeMs: number
  /** How long a request waits for the store to come (back) up before it fails. */
  readonly waitMs: number
  /** What the embedded engine may allocate in all, and what one query may. */
  readonly memoryBytes: number
  readonly queryMemoryBytes: number
  /** The largest answer and the largest insert. */
  readonly resultBytes: number
  readonly insertBytes: number
  /** Reading queries that run side by side, and how many wait behind them. */
  readonly readers: number
  readonly waiting: number
}

export const defaultColumnsLimits: ColumnsLimits = {
  queryMs: 30_000,
  writeMs: 60_000,
  waitMs: 10_000,
  memoryBytes: 1_500_000_000,
  queryMemoryBytes: 1_000_000_000,
  resultBytes: 256 << 20,
  insertBytes: 64 << 20,
  readers: 4,
  waiting: 256,
}

/** Sessions of the embedded engine that insert and change the schema. */
export const engineWriters = 2

/** Native threads the embedded engine needs so that every session can run at once, with some left for files. */
export const engineThreads = (limits: ColumnsLimits): number => limits.readers + engineWriters + 1 + 4
