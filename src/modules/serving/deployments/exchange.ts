import { messageFrom } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import { createLoop } from '../../../infra/jobs/loop.ts'
import type { Log } from '../../../infra/log.ts'
import { EXCHANGE_S } from './token-bucket.ts'

/** What processes tell each other of. `run` may fail: `failed` is called then, and what is in memory goes on. `last` is run at the end. */
type Part = {
  readonly name: string
  readonly run: () => Promise<void>
  readonly failed?: () => void
  readonly last?: () => Promise<void>
}

/** Runs every part twice a second. A part that fails is said once, and once more when it is back. */
export function createExchange({ clock, log, parts }: { readonly clock: Clock; readonly log: Log; readonly parts: readonly Part[] }) {
  const failing = new Set<string>()

  async function attempt({ name, failed }: Part, run: () => Promise<void>) {
    try {
      await run()
      if (failing.delete(name)) log.info('serving.exchange_back', { part: name })
    } catch (error) {
      failed?.()
      if (failing.has(name)) return
      failing.add(name)
      log.warn('serving.exchange_failed', { part: name, error: messageFrom(error) })
    }
  }

  const loop = createLoop(clock, async () => {
    for (const part of parts) await attempt(part, part.run)
    return EXCHANGE_S * 1_000
  })
  return {
    start: loop.start,
    idle: loop.idle,
    async stop(): Promise<void> {
      await loop.stop()
      for (const part of parts) await attempt(part, part.last ?? part.run)
    },
  }
}
