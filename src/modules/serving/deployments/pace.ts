/** How much of what was seen before is kept with each answer: about the last thirty count. */
const KEPT = 0.97
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

/**
 * Measures how long a row takes while rows are under way: the time between answers over the rows answered, both fading. It
 * counts batches and workers alike, whatever their number, and one long pause with few rows does not outweigh the rest.
 */
export function createPace(nowUs: () => number): Pace {
  let waiting = 0
  let answered = 0
  let spentUs = 0
  let samples = 0
  let markUs = 0
  return {
    get waiting() {
      return waiting
    },
    waitMs: (rows) => (samples < FEW_SAMPLES ? 0 : ((waiting + rows) * spentUs) / answered / 1_000),
    enter(rows) {
      if (waiting === 0) markUs = nowUs()
      waiting += rows
    },
    leave(rows) {
      const endedUs = nowUs()
      answered = answered * KEPT + rows
      spentUs = spentUs * KEPT + (endedUs - markUs)
      samples += 1
      markUs = endedUs
      waiting -= rows
    },
  }
}
