import { chiSquaredUpperQuantile } from './distributions.ts'

/**
 * Garwood's exact interval (1936) for the mean of a Poisson count of which `events` were seen: each end is wrong with probability at most
 * `sideError`. Throws RangeError unless events is a whole number ≥ 0 and 0 < sideError < 1.
 */
export function poissonInterval(events: number, sideError: number): { readonly low: number; readonly high: number } {
  if (!Number.isInteger(events) || events < 0) throw new RangeError(`a count of events is a whole number, not ${events}`)
  if (!(sideError > 0 && sideError < 1)) throw new RangeError(`the error of a side lies between 0 and 1, not ${sideError}`)
  return {
    low: events === 0 ? 0 : chiSquaredUpperQuantile(1 - sideError, 2 * events) / 2,
    high: chiSquaredUpperQuantile(sideError, 2 * events + 2) / 2,
  }
}
