import { createHash } from 'node:crypto'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { deleteDemand, findDemandOfOthers, saveDemand } from './counts-store.ts'
import type { Bucket, Buckets } from './token-bucket.ts'

/** What another process told is heeded for so long: with the time between two exchanges, one that died is out within 2 s. */
const HEEDED_MS = 1_500
/** A process that has nothing to tell says now and then that it is there; one that is silent for longer is gone. */
const ANNOUNCE_MS = 30_000
const GONE_MS = 90_000
/** Buckets that one process tells of at once, those nearest to their limit first. */
const MOST_TOLD = 500
/** All processes together may leave untold, and have while idle, so much of a limit. */
const LITTLE = 0.1
const DIGEST_CHARACTERS = 16

type Other = { readonly at: number; readonly seenMs: number; readonly demand: ReadonlyMap<string, number> }
type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  /** Names this process among those that share the store, this time it runs. */
  readonly self: string
  readonly buckets: Buckets
}

/**
 * Divides each limit among the processes by what they are asked for: share = own demand / everybody’s. Each tells its demand
 * when there is another to hear it, so a process by itself has the whole and writes nothing but that it is there. Clocks of
 * different machines are never compared: what counts is when this process saw a row change.
 */
export function createSharedLimits({ sql, clock, self, buckets }: Deps) {
  const digests = new WeakMap<Readonly<Bucket>, string>()
  const others = new Map<string, Other>()
  let foldedMs = clock.now()
  let toldMs = Number.NEGATIVE_INFINITY
  let told = '{}'

  function digestOf(bucket: Readonly<Bucket>): string {
    let digest = digests.get(bucket)
    if (digest === undefined) {
      digest = createHash('sha256').update(bucket.key).digest('base64url').slice(0, DIGEST_CHARACTERS)
      digests.set(bucket, digest)
    }
    return digest
  }

  function fold(nowMs: number) {
    if (nowMs <= foldedMs) return
    buckets.fold((nowMs - foldedMs) / 1_000)
    foldedMs = nowMs
  }

  /** Tells of every bucket that another told of, and of those that matter even if all the others ask for as much. */
  function toTell(heeded: readonly Other[]): string {
    if (others.size === 0) return '{}'
    const isKnown = (digest: string) => heeded.some(({ demand }) => demand.has(digest))
    const mattering = [...buckets.all()].filter(
      (bucket) => bucket.demand > 0 && (bucket.demand > (bucket.perSecond * LITTLE) / (others.size + 1) || isKnown(digestOf(bucket))),
    )
    const nearest = mattering.sort((a, b) => b.demand / b.perSecond - a.demand / a.perSecond).slice(0, MOST_TOLD)
    return JSON.stringify(Object.fromEntries(nearest.map((bucket) => [digestOf(bucket), Number(bucket.demand.toPrecision(6))])))
  }

  async function tell(nowMs: number, body: string) {
    if (body === '{}' && told === '{}' && nowMs - toldMs < ANNOUNCE_MS) return
    await saveDemand(sql, self, nowMs, body)
    toldMs = nowMs
    told = body
  }

  async function hear(nowMs: number) {
    const rows = await findDemandOfOthers(sql, self)
    const present = new Set(rows.map(({ node }) => node))
    for (const node of others.keys()) if (!present.has(node)) others.delete(node)
    for (const { node, at, body } of rows) {
      const known = others.get(node)
      if (known?.at !== at)
        others.set(node, { at, seenMs: nowMs, demand: new Map(Object.entries(JSON.parse(body) as Record<string, number>)) })
      else if (nowMs - known.seenMs > GONE_MS) {
        others.delete(node)
        await deleteDemand(sql, node, at)
      }
    }
  }

  const heededAt = (nowMs: number) => [...others.values()].filter(({ seenMs }) => nowMs - seenMs < HEEDED_MS)

  function setShares(heeded: readonly Other[]) {
    if (others.size === 0) return buckets.divide(1, () => 1)
    const idle = LITTLE / (others.size + 1)
    buckets.divide(idle, (bucket) => {
      if (bucket.demand === 0) return idle
      const digest = digestOf(bucket)
      const elsewhere = heeded.reduce((sum, { demand }) => sum + (demand.get(digest) ?? 0), 0)
      return bucket.demand / (bucket.demand + elsewhere)
    })
  }

  return {
    async exchange(): Promise<void> {
      const nowMs = clock.now()
      fold(nowMs)
      await tell(nowMs, toTell(heededAt(nowMs)))
      await hear(nowMs)
      setShares(heededAt(nowMs))
    },
    /** While the store is away the last shares go on, but what was idle and cannot ask for more gets an equal part. */
    goOnAlone(): void {
      const equal = 1 / (others.size + 1)
      buckets.divide(equal, ({ share }) => (share <= LITTLE * equal ? equal : share))
    },
    /** Gives the shares of this process back. */
    async leave(): Promise<void> {
      if (toldMs !== Number.NEGATIVE_INFINITY) await deleteDemand(sql, self, toldMs)
    },
  }
}
