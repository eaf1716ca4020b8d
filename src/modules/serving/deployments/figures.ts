import { AppError } from '../../../contract/errors.ts'
import type { Live } from './live.ts'

/**
 * Why requests are refused: the rate of the key, of the address, of all; the quota; too many rows under way; too long a wait;
 * too many rows in one request; values or tensors that are not taken.
 */
const reasons = ['rate', 'address', 'total', 'quota', 'concurrency', 'busy', 'rows', 'invalid'] as const
export type Refusal = (typeof reasons)[number]

/** Requests of one deployment since the process began, each counted once. */
export type Figure = {
  /** By the version that was to answer. */
  answered: number
  fallback: number
  failed: number
  readonly refused: Record<Refusal, number>
}
type Named = Figure & { readonly project: string; readonly name: string }

export type Figures = ReturnType<typeof createFigures>

/** Counts what becomes of requests, at an increment each. */
export function createFigures() {
  const all = new Map<string, Named>()
  const known = new WeakMap<Live, Figure>()

  function find({ project, name }: Live): Named {
    const key = `${project}/${name}`
    const figure = all.get(key) ?? { project, name, answered: 0, fallback: 0, failed: 0, refused: noRefusals() }
    all.set(key, figure)
    return figure
  }

  return {
    of(live: Live): Figure {
      let figure = known.get(live)
      if (!figure) {
        figure = find(live)
        known.set(live, figure)
      }
      return figure
    },
    list: (project: string): readonly Readonly<Named>[] => [...all.values()].filter((figure) => figure.project === project),
  }
}

function noRefusals(): Record<Refusal, number> {
  return Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<Refusal, number>
}

/** Counts a request that was let in and got no answer: by its own fault, because a runtime is full, or by the model’s failure. */
export function countError(figure: Figure, error: unknown): void {
  const code = error instanceof AppError ? error.code : 'internal'
  if (code === 'invalid' || code === 'conflict') figure.refused.invalid += 1
  else if (code === 'throttled') figure.refused.busy += 1
  else figure.failed += 1
}
