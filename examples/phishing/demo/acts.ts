import type { Client } from '../../../src/contract/client.ts'
import { type Detection, drift } from '../../../src/contract/drift.ts'
import { type LoopRun, loops } from '../../../src/contract/loops.ts'
import type { Phase } from '../world.ts'
import { f1Of, type Traffic } from './traffic.ts'

export type Act = {
  readonly phase: Phase
  /** F1 on the truth over 2,000 answers: before the act, at its worst, and at its end. */
  readonly f1: { readonly before: number; readonly worst: number; readonly after: number }
  readonly detection: { readonly signal: string; readonly delayRows: number; readonly delaySeconds: number } | null
  readonly runs: readonly LoopRun[]
  readonly seconds: number
}
export type Progress = (line: { phase: Phase; f1: number | null; step: string }) => void

const F1_WINDOW = 2_000
const LOOK_EVERY_MS = 200
/** After the loop has answered, traffic goes on for this long, so that what it did can be measured. */
const SETTLE_MS = 3_000
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Lets the change of an act begin, and watches until the loop has answered it or `limitMs` has passed. */
export async function playAct(client: Client, traffic: Traffic, phase: Phase, limitMs: number, progress: Progress): Promise<Act> {
  const startedMs = Date.now()
  const sentBefore = traffic.sent
  const before = f1Of(traffic.recent(F1_WINDOW)) ?? 0
  let worst = before
  traffic.phase = phase
  let detection: Detection | undefined
  let delayRows = 0
  let answeredMs: number | null = null
  for (;;) {
    await pause(LOOK_EVERY_MS)
    const f1 = f1Of(traffic.recent(F1_WINDOW))
    if (f1 !== null && traffic.sent - sentBefore > F1_WINDOW) worst = Math.min(worst, f1)
    detection ??= (await client.call(drift.listDetections, { deployment: 'phishing', limit: 20 }))
      .filter((found) => found.storedAt >= startedMs)
      .at(-1)
    const runs = await runsSince(client, startedMs)
    const open = runs.find((run) => run.state !== 'ended')
    progress({ phase, f1, step: open ? `${open.step}: ${open.steps.at(-1)!.summary}` : (runs[0]?.outcome ?? 'watching') })
    if (!open && runs.some(isAnswer)) answeredMs ??= Date.now()
    else answeredMs = null
    if ((answeredMs !== null && Date.now() - answeredMs > SETTLE_MS) || Date.now() - startedMs > limitMs) break
  }
  if (detection)
    delayRows = Math.round((((detection.storedAt - startedMs) / 1_000) * (traffic.sent - sentBefore)) / ((Date.now() - startedMs) / 1_000))
  return {
    phase,
    f1: { before, worst, after: f1Of(traffic.recent(F1_WINDOW)) ?? 0 },
    detection: detection ? { signal: detection.signal, delayRows, delaySeconds: (detection.storedAt - startedMs) / 1_000 } : null,
    runs: await runsSince(client, startedMs),
    seconds: (Date.now() - startedMs) / 1_000,
  }
}

/** A run that did something about the change, as against one that found nothing or had to rest. */
function isAnswer(run: LoopRun): boolean {
  return (
    run.outcome === 'promoted' ||
    run.outcome === 'quarantined' ||
    run.outcome === 'rolled_back' ||
    (run.outcome === 'refused' && run.training !== null) ||
    run.outcome === 'failed'
  )
}

async function runsSince(client: Client, sinceMs: number): Promise<LoopRun[]> {
  return (await client.call(loops.listRuns, { deployment: 'phishing', limit: 50 })).filter((run) => run.startedAt >= sinceMs)
}
