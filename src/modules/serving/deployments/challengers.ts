import { messageFrom } from '../../../contract/errors.ts'
import type { Log } from '../../../infra/log.ts'
import type { Live } from './live.ts'

/** How often a challenger failed to score, since its rollout began. */
export type ChallengerHealth = { readonly rows: number; readonly failures: number }

/** Asks challengers for their scores and counts how often they fail. Of each deployment, the present rollout’s count is kept. */
export function createChallengers(log: Log) {
  const challengers = new Map<string, { rows: number; failures: number }>()

  function healthOf({ project, name, salt }: Pick<Live, 'project' | 'name' | 'salt'>) {
    const key = `${project}/${name}/${salt}`
    let health = challengers.get(key)
    if (!health) {
      for (const old of challengers.keys()) if (old.startsWith(`${project}/${name}/`)) challengers.delete(old)
      health = { rows: 0, failures: 0 }
      challengers.set(key, health)
    }
    return health
  }

  /** The challenger’s failures are counted against it and never reach a caller: the champion’s score stands in. */
  async function scores(live: Live, values: Float32Array, rows: number): Promise<Float32Array | null> {
    const health = healthOf(live)
    health.rows += rows
    try {
      return await live.challenger!.model.score(values, rows)
    } catch (error) {
      health.failures += rows
      log.warn('serving.challenger_failed', {
        deployment: live.name,
        project: live.project,
        version: live.challenger!.version,
        error: messageFrom(error),
      })
      return null
    }
  }

  return { scores, healthOf }
}
