/** How much a new sample counts in the mean time a row takes. */
const WEIGHT = 0.1
/** So many answers must have been seen before their pace is believed: the first ones meet cold code. */
const FEW_SAMPLES = 32

/** Rows of one deployment that are under way, and how fast they go. */
export type Pace = {
  readonly waiting: number
  /** How long `rows` more would have to wait, in milliseconds, by the pace of the last ones. 0 while nothing is known. */
  waitMs(rows: number): number
  enter(rows: number): void
  leave(rows: number): void
}

/** Measures the time between answers while rows are under way; it counts batches and workers alike, whatever their number. */
export function createPace(nowUs: () => number): Pace {
  let waiting = 0
  let rowUs = 0
  let samples = 0
  let markUs = 0
  return {
    get waiting() {
      return waiting
    },
    waitMs: (rows) => (samples < FEW_SAMPLES ? 0 : ((waiting + rows) * rowUs) / 1_000),
    enter(rows) {
      if (waiting === 0) markUs = nowUs()
      waiting += rows
    },
    leave(rows) {
      const endedUs = nowUs()
      const sample = (endedUs - markUs) / rows
      rowUs = rowUs === 0 ? sample : rowUs + WEIGHT * (sample - rowUs)
      samples += 1
      markUs = endedUs
      waiting -= rows
    },
  }
}
