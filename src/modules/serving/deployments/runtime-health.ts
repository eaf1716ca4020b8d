import type { RuntimeHealth } from '../../../contract/deployments.ts'
import type { Live } from './live.ts'

/** How what runs the champion fares; null for a model that runs in this process. */
export function runtimeHealthOf(live: Live | null | undefined): RuntimeHealth | null {
  const model = live?.champion.model
  if (!model?.health) return null
  const { breaker = null, workers = null } = model.health()
  return { platform: model.platform, breaker, workers }
}

/** What keeps the champion from answering now. */
export function problemOf(live: Live | null): string | null {
  return live?.champion.model.health?.().problem ?? null
}

/** Whether requests are answered: the models are loaded, and the champion, or its fallback, can be reached. */
export function isReady(entry: { readonly live: Live | null } | undefined): boolean {
  if (!entry?.live) return false
  const { champion, fallback } = entry.live
  const fares = (model: Live['champion']['model']) => model.health?.().problem == null
  return fares(champion.model) || (fallback !== null && fares(fallback.model))
}
