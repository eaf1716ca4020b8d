import { AppError } from '../../../contract/errors.ts'
import type { Live } from './live.ts'

/**
 * Narrows a deployment to one of the versions that answer in it, for callers that name theirs: no other answers then, no
 * fallback either, and its rows are no evidence of a rollout. Throws `not_found` for a version that does not answer now.
 */
export function createPins() {
  const known = new WeakMap<Live, Map<number, Live>>()
  return (live: Live, version: number | undefined): Live => {
    if (version === undefined) return live
    let pins = known.get(live)
    if (!pins) {
      pins = new Map()
      known.set(live, pins)
    }
    const pinned = pins.get(version) ?? pin(live, version)
    pins.set(version, pinned)
    return pinned
  }
}

function pin(live: Live, version: number): Live {
  const alone = { challenger: null, otherSide: null, fallback: null }
  if (version === live.champion.version) return { ...live, ...alone }
  const challenger = live.otherSide?.champion ?? (live.route.mode === 'canary' ? live.challenger : null)
  if (challenger?.version === version) return { ...live, ...alone, champion: challenger, role: 'challenger' }
  const served = [live.champion, challenger].filter((one) => one !== null).map((one) => one.version)
  throw new AppError('not_found', `deployment ${live.name} does not serve version ${version}; it serves ${served.join(' and ')}`, {
    served,
  })
}
