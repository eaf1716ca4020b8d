/** Delays in milliseconds: the mean of the first is half of `baseMs`, and none is longer than `capMs`. */
export type Backoff = { readonly baseMs: number; readonly capMs: number }

/**
 * The delay before the next attempt, after `failures` ≥ 1 of them: uniform on [0, min(capMs, baseMs · 2^(failures−1))).
 * This is the "full jitter" of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, which spends
 * the fewest calls of the variants compared there. `random` is in [0, 1).
 */
export function backoffDelayMs({ baseMs, capMs }: Backoff, failures: number, random: number): number {
  return Math.floor(random * Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 50)))
}
