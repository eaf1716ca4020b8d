import { messageFrom } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { addChallengerCounts, deleteChallengersBefore, findChallengerCounts } from './counts-store.ts'
import type { Live } from './live.ts'

/** How often a challenger failed to score, since its rollout began, over all processes. */
export type ChallengerHealth = { readonly rows: number; readonly failures: number }

/** No rollout is without a request for so long. */
const KEPT_MS = 30 * 86_400_000
const FORGET_EVERY_MS = 3_600_000

export type Challengers = ReturnType<typeof createChallengers>

/** Asks challengers for their scores and counts how often they fail: in memory, and at each `exchange` in the store. */
export function createChallengers({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
  /** Counts that the store does not have yet. */
  const unsent = new Map<string, { project: string; deployment: string; rollout: string; rows: number; failures: number }>()
  let forgottenMs = Number.NEGATIVE_INFINITY

  function countsOf({ project, name, salt }: Pick<Live, 'project' | 'name' | 'salt'>) {
    const key = `${project}/${name}/${salt}`
    let counts = unsent.get(key)
    if (!counts) {
      counts = { project, deployment: name, rollout: salt, rows: 0, failures: 0 }
      unsent.set(key, counts)
    }
    return counts
  }

  return {
    /** The challenger’s failures are counted against it and never reach a caller: the champion’s score stands in. */
    async scores(live: Live, values: Float32Array, rows: number): Promise<Float32Array | null> {
      countsOf(live).rows += rows
      try {
        return await live.challenger!.model.score(values, rows)
      } catch (error) {
        countsOf(live).failures += rows
        log.warn('serving.challenger_failed', {
          deployment: live.name,
          project: live.project,
          version: live.challenger!.version,
          error: messageFrom(error),
        })
        return null
      }
    },
    async health(db: Db, project: string, deployment: string, rollout: string): Promise<ChallengerHealth> {
      const stored = await findChallengerCounts(db, project, deployment, rollout)
      const own = unsent.get(`${project}/${deployment}/${rollout}`)
      return { rows: stored.rows + (own?.rows ?? 0), failures: stored.failures + (own?.failures ?? 0) }
    },
    async exchange(db: Db): Promise<void> {
      const sent = [...unsent].map(([key, counts]) => ({ key, counts, before: { ...counts } }))
      if (sent.length === 0) return
      const nowMs = clock.now()
      await addChallengerCounts(
        db,
        sent.map(({ before }) => before),
        nowMs,
      )
      for (const { key, counts, before } of sent) {
        counts.rows -= before.rows
        counts.failures -= before.failures
        if (counts.rows === 0 && counts.failures === 0) unsent.delete(key)
      }
      if (nowMs - forgottenMs < FORGET_EVERY_MS) return
      forgottenMs = nowMs
      await deleteChallengersBefore(db, nowMs - KEPT_MS)
    },
  }
}
