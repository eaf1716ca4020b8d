import { createHash } from 'node:crypto'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Outgoing } from '../../../infra/streams/port.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Deployments, Live } from '../deployments/index.ts'
import type { Prepared, Refused } from './prepare.ts'

type Scored = {
  readonly prepared: Prepared
  readonly score: number
  readonly version: number
  readonly fallback: boolean
  readonly live: Live
}
type Outcome =
  | { readonly scored: Scored }
  | { readonly refused: Refused }
  | { readonly waitMs: number; readonly problem: string }
  | { readonly failed: AppError }
/** How the stream is told that it is held up: `rest` waits, `fine` says that it goes on. */
export type Patience = { rest(ms: number, problem: string): Promise<void>; fine(): void }
type Waiting = { readonly signal: AbortSignal; readonly patience: Patience }
type Deps = { readonly deployments: Deployments; readonly registry: Registry }
type Stream = { readonly project: string; readonly name: string; readonly deployment: string; readonly retries: number }

/** Rows asked for in one turn of the event loop, which become one run of the model. */
const MOST_AT_ONCE = 512
const UNAVAILABLE_WAIT_MS = 1_000
const SHORTEST_WAIT_MS = 10
const RETRY_WAIT_MS = 200
const MOST_VERSIONS = 100
/** Faults of the event itself: asking again would answer the same. */
const faults: ReadonlySet<string> = new Set(['invalid', 'too_large', 'unsafe', 'unsupported'])
/** Faults of the moment: the event waits until they pass. */
const moments: ReadonlySet<string> = new Set(['throttled', 'unavailable', 'not_found', 'storage_full', 'cancelled'])

/**
 * Scores events by `deployments.score`, one request each, so that its split, rules, limits and records hold for each event by its
 * own id; requests of one turn become one run of the model. An event that the model refuses is answered as refused; limits and
 * outages make all wait. Answers in the order of the events.
 */
export function createScore({ deployments, registry }: Deps, stream: Stream) {
  const caller = { id: `stream/${stream.name}`, project: stream.project }
  const hashes = new Map<string, string>()

  /** The deployment as it serves now, when it does. */
  async function serving(signal: AbortSignal, patience: Patience): Promise<Live | undefined> {
    for (;;) {
      try {
        await deployments.lookUp(stream.project, stream.deployment)
        const live = deployments.serving(stream.project, stream.deployment)
        if (!live.champion.model.tabular)
          throw new AppError('unavailable', `deployment ${stream.deployment} serves a model that takes no rows of numbers`)
        patience.fine()
        return live
      } catch (error) {
        if (!(error instanceof AppError) || !moments.has(error.code)) throw error
        await patience.rest(UNAVAILABLE_WAIT_MS, error.message)
        if (signal.aborted) return undefined
      }
    }
  }

  async function ask(prepared: Prepared, live: Live): Promise<Outcome> {
    const { id, values, actor, source } = prepared
    try {
      const input = { deployment: stream.deployment, ids: [id], values, actor, source }
      const { scores, versions, fallback } = await deployments.score(input, caller)
      return { scored: { prepared, score: scores[0]!, version: versions[0]!, fallback, live } }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (faults.has(error.code)) return { refused: refusedFrom(prepared, error) }
      if (!moments.has(error.code)) return { failed: error }
      const seconds = Number(error.details.retryAfterSeconds)
      return { waitMs: seconds > 0 ? Math.max(SHORTEST_WAIT_MS, seconds * 1_000) : UNAVAILABLE_WAIT_MS, problem: error.message }
    }
  }

  /** Asks again for one event whose model failed, on its own: in a batch it may have been the victim of another. */
  async function again(prepared: Prepared, live: Live, failed: AppError, { signal, patience }: Waiting): Promise<Outcome> {
    let last = failed
    for (let tried = 0; tried < stream.retries && !signal.aborted; ) {
      const outcome = await ask(prepared, live)
      if ('scored' in outcome || 'refused' in outcome) return outcome
      if ('failed' in outcome) {
        last = outcome.failed
        tried += 1
      }
      await ('waitMs' in outcome ? patience.rest(outcome.waitMs, outcome.problem) : patience.rest(RETRY_WAIT_MS, last.message))
    }
    return { refused: refusedFrom(prepared, last) }
  }

  async function versionHash(model: string, version: number): Promise<string> {
    const key = `${model}/${version}`
    let hash = hashes.get(key)
    if (hash === undefined) {
      const { digest } = await registry.version(stream.project, model, version)
      hash = createHash('sha256')
        .update(`${key}/${digest ?? ''}`)
        .digest('hex')
        .slice(0, 12)
      if (hashes.size >= MOST_VERSIONS) hashes.clear()
      hashes.set(key, hash)
    }
    return hash
  }

  return {
    serving,
    /** Undefined when `signal` aborted before all were answered. */
    async scoreAll(events: readonly Prepared[], live: Live, waiting: Waiting): Promise<readonly (Scored | Refused)[] | undefined> {
      const answers: (Scored | Refused | undefined)[] = new Array(events.length)
      const most = Math.min(MOST_AT_ONCE, live.spec.limits.concurrency)
      let open = events.map((_, i) => i)
      let atOnce = most
      while (open.length > 0) {
        const turn = open.slice(0, atOnce)
        const outcomes = await Promise.all(turn.map((i) => ask(events[i]!, live)))
        const left: number[] = []
        let wait = { waitMs: 0, problem: '' }
        for (const [at, first] of outcomes.entries()) {
          const i = turn[at]!
          const outcome = 'failed' in first ? await again(events[i]!, live, first.failed, waiting) : first
          if ('scored' in outcome) answers[i] = outcome.scored
          else if ('refused' in outcome) answers[i] = outcome.refused
          else {
            left.push(i)
            if ('waitMs' in outcome && outcome.waitMs > wait.waitMs) wait = outcome
          }
        }
        open = [...left, ...open.slice(atOnce)]
        if (waiting.signal.aborted && open.length > 0) return undefined
        if (wait.waitMs > 0) await waiting.patience.rest(wait.waitMs, wait.problem)
        else waiting.patience.fine()
        // As many as were let in, and more again when all are.
        atOnce = left.length > 0 ? Math.max(1, turn.length - left.length) : Math.min(most, atOnce * 2)
      }
      return answers as (Scored | Refused)[]
    },
    async outputFrom({ prepared, score, version, fallback, live }: Scored): Promise<Outgoing> {
      const { event, id, timeMs, derived, isLate } = prepared
      const output = {
        id: `${id}@${await versionHash(live.spec.model, version)}`,
        event: id,
        time: timeMs,
        stream: stream.name,
        deployment: stream.deployment,
        model: live.spec.model,
        modelVersion: version,
        score,
        prediction: score >= live.spec.threshold ? 1 : 0,
        fallback,
        late: isLate,
        derived,
        from: { partition: event.partition, position: event.position, at: event.atMs },
      }
      return { id: output.id, key: id, bytes: Buffer.from(JSON.stringify(output)) }
    },
  }
}

function refusedFrom({ event, isLate }: Prepared, error: unknown): Refused {
  return { event, reason: messageFrom(error), isLate, isDropped: false }
}
