import type { Clock } from '../../../infra/clock.ts'

const WINDOW_MS = 10_000
const SLOT_MS = 1_000
const MOST_SHARE = 0.2
/** With few calls a share of them would be none. */
const ALWAYS = 3

export type RetryBudget = {
  /** Counts a call. */
  call(): void
  /** Takes one retry out of the budget; false when there is none left. */
  take(): boolean
}

/**
 * Bounds retries to a fifth of the calls of the last 10 s, or 3 where that is more: a server that fails under load is not
 * asked two or three times as often because of it. Google, "Site Reliability Engineering", 2016, chapter 21.
 */
export function createRetryBudget(clock: Clock): RetryBudget {
  const slots: { readonly atMs: number; calls: number; retries: number }[] = []

  function slotNow() {
    const atMs = Math.floor(clock.now() / SLOT_MS) * SLOT_MS
    while (slots.length > 0 && slots[0]!.atMs <= atMs - WINDOW_MS) slots.shift()
    const last = slots.at(-1)
    if (last?.atMs === atMs) return last
    const slot = { atMs, calls: 0, retries: 0 }
    slots.push(slot)
    return slot
  }
  const sum = (of: 'calls' | 'retries') => slots.reduce((total, slot) => total + slot[of], 0)

  return {
    call() {
      slotNow().calls += 1
    },
    take() {
      const slot = slotNow()
      if (sum('retries') + 1 > Math.max(ALWAYS, sum('calls') * MOST_SHARE)) return false
      slot.retries += 1
      return true
    },
  }
}
