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

const SPILL_BYTES = 200_000_000
const INDEXED_SET = 50_000

/**
 * What every reading query runs under, embedded and on a server. Joins sort and spill to disk instead of filling
 * memory with one side (measured: a million labels joined in a fifth of the memory and a third of the time of a hash
 * join), and a large `IN` does not hold its elements a second time for the index.
 */
export function readingSettings(limits: ColumnsLimits, maxMs: number): Readonly<Record<string, string | number>> {
  return {
    max_execution_time: Math.max(1, Math.ceil(maxMs / 1000)),
    max_memory_usage: limits.queryMemoryBytes,
    max_result_bytes: limits.resultBytes,
    result_overflow_mode: 'throw',
    output_format_json_quote_64bit_integers: 0,
    join_algorithm: 'full_sorting_merge,hash',
    max_bytes_before_external_sort: SPILL_BYTES,
    max_bytes_before_external_group_by: SPILL_BYTES,
    use_index_for_in_with_subqueries_max_values: INDEXED_SET,
    readonly: 1,
  }
}
