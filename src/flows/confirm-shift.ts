import type { Caller } from '../contract/endpoint.ts'
import type { LoopRun } from '../contract/loops.ts'
import type { Estimates } from '../modules/watch/estimates/index.ts'

type Shift = {
  readonly cause: LoopRun['cause']
  readonly monitor: string
  /** How often each signal of the monitor has crossed its threshold since its last reset. */
  readonly seen: { readonly features: number; readonly error: number }
  readonly caller: Caller
}

/** So many of the newest windows are asked whether a low estimate came again. */
const WINDOWS_SINCE = 20

/** What says beside the cause of a run that there is a shift, on new rows or as another signal, in words; undefined while nothing does. */
export async function confirmShift(
  { estimates }: { readonly estimates: Pick<Estimates, 'listEstimates'> },
  { cause: { kind, facts }, monitor, seen, caller }: Shift,
): Promise<string | undefined> {
  if (seen.features >= 2 || seen.error >= 2) return 'a second alarm from new rows only'
  if (seen.features >= 1 && seen.error >= 1) return 'a second signal: inputs and labelled error'
  if (kind === 'lasting_drift') return 'one window after another, each of new rows only'
  if (kind !== 'dropped_estimates') return undefined
  if (seen.features >= 1) return 'a second signal: the inputs moved as well'
  if (seen.error >= 1) return 'a second signal: the labelled error rose as well'
  const windows = await estimates.listEstimates({ monitor, limit: WINDOWS_SINCE }, caller)
  return windows.some(({ fromMs, dropped }) => dropped && fromMs >= Number(facts.toMs)) ? 'a later window, estimated as low' : undefined
}
