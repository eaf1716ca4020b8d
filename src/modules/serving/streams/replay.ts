import type { Output } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { streams } from '../../../contract/streams.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { StreamConnections } from '../../../infra/streams/connections.ts'
import type { StreamEvent } from '../../../infra/streams/port.ts'
import { type DeadLetter, readDeadLetter, replayFrom } from './dead-letters.ts'
import { LEASE_MS } from './partition.ts'
import type { StreamName } from './session.ts'
import { type CheckpointKey, noCounts, type Store } from './store.ts'

type Deps = { readonly sql: Sql; readonly store: Store; readonly clock: Clock; readonly connections: StreamConnections }
type Replayed = Output<typeof streams.replayDeadLetters>

/** How long a broker may be silent before its dead letters count as read. */
const SILENCE_MS = 3_000
const MOST_IN_FLIGHT = 1_000

/**
 * Puts dead letters back into the source of their stream, oldest first, from where the last replay ended: its place is kept like a
 * stream’s own, and moves on only after the source has taken the events.
 */
export async function replayDeadLetters(
  deps: Deps,
  stream: StreamName,
  { limit, dryRun }: { limit: number; dryRun: boolean },
): Promise<Replayed> {
  const { project, name, spec } = stream
  const { clock, connections } = deps
  const place = spec.deadLetters
  const group = `${spec.source.group}-replay`.slice(0, 64)
  const source = `dead-letters/${place.kind}/${place.kind === 'kafka' ? place.topic : place.subject}/${group}`
  const keyOf = (partition: string): CheckpointKey => ({ project, stream: name, source, partition })
  const reader = `replay ${project}/${name}`
  const letters = await connections.openSource(
    { ...place, group, from: 'all' },
    { project, reader },
    {
      group,
      from: 'all',
      maxInFlight: MOST_IN_FLIGHT,
      resumeAfter: async (partition) => (await deps.store.find(deps.sql, keyOf(partition)))?.position ?? undefined,
      onStart: async () => {},
      onLost: () => {},
    },
  )
  try {
    const found: StreamEvent[] = []
    while (found.length < limit && (await letters.lag()) !== 0) {
      const silence = new AbortController()
      const cancel = clock.after(SILENCE_MS, () => silence.abort())
      const pulled = await letters.pull(limit - found.length, 0, silence.signal).finally(cancel)
      if (pulled.length === 0) break
      found.push(...pulled)
    }
    const read = found.map((event) => ({ event, letter: readDeadLetter(name, event.bytes) }))
    const own = read.filter((one): one is { event: StreamEvent; letter: DeadLetter } => one.letter !== undefined)
    if (!dryRun) await putBack(deps, stream, own)
    for (const [partition, events] of dryRun ? [] : Map.groupBy(found, (event) => event.partition)) {
      const position = events.at(-1)!.position
      await moveOn(deps, keyOf(partition), position)
      await letters.ack(partition, position)
    }
    return {
      letters: own.map(({ event, letter }) => ({
        id: letter.id,
        partition: event.partition,
        position: event.position,
        reason: letter.reason,
        at: letter.at,
        event: letter.event,
      })),
      replayed: dryRun ? 0 : own.length,
      unreadable: read.length - own.length,
      dryRun,
    }
  } finally {
    await letters.close()
    if (place.kind === 'embedded') (await connections.logs.open(project, place.subject)).letGo(reader)
  }
}

async function putBack({ connections }: Deps, { project, spec }: StreamName, own: readonly { event: StreamEvent; letter: DeadLetter }[]) {
  if (own.length === 0) return
  const { group: _group, from: _from, ...place } = spec.source
  const sink = await connections.openSink(place, project)
  try {
    await sink.publish(own.map(({ event, letter }) => replayFrom(letter, event.position)))
    await sink.sync()
  } finally {
    await sink.close()
  }
}

async function moveOn({ sql, store, clock, connections }: Deps, key: CheckpointKey, position: number): Promise<void> {
  await sql.transaction(async (tx) => {
    const found = await store.find(tx, key, true)
    if ((found?.position ?? -1) > position)
      throw new AppError('conflict', `the dead letters of ${key.stream} are being replayed by somebody else`)
    const now = clock.now()
    const fresh = { epoch: 0, node: connections.node, latestMs: null, windows: '', counts: noCounts }
    await store.save(tx, key, { ...(found ?? fresh), leaseUntilMs: now + LEASE_MS, position, updatedAtMs: now })
  })
}
