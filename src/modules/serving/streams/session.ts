import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { StreamSpec } from '../../../contract/streams.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { StreamConnections } from '../../../infra/streams/connections.ts'
import type { Outgoing, StreamEvent, StreamSink, StreamSource } from '../../../infra/streams/port.ts'
import type { Live } from '../deployments/index.ts'
import { deadLetterFrom } from './dead-letters.ts'
import { claimPartition, LEASE_MS, type Partition } from './partition.ts'
import { createPrepare, type Prepared, type Refused } from './prepare.ts'
import { createScore, type Patience } from './score.ts'
import type { CheckpointKey, Store } from './store.ts'
import type { LookupTable } from './tables.ts'

export type SessionDeps = Parameters<typeof createScore>[0] & {
  readonly sql: Sql
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly connections: StreamConnections
}
export type StreamName = { readonly project: string; readonly name: string; readonly spec: StreamSpec }
/** Told as it happens. */
export type Watch = {
  /** Waits, and says why. Ends early when `signal` aborts. */
  rest(ms: number, problem: string, signal: AbortSignal): Promise<void>
  /** Nothing holds the stream up any more. */
  fine(): void
  read(events: number): void
}

const CHECKPOINT_EVERY_MS = 100
const RENEW_EVERY_MS = LEASE_MS / 3
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 10_000

/** Another process works the stream. */
const standby = (name: string) => new AppError('conflict', `another process works stream ${name}`, { standby: true })

/** Names a place and a group: the position in another place or of another group is another. */
export function sourceKeyOf({ source }: StreamSpec): string {
  return `${source.kind}/${source.kind === 'kafka' ? source.topic : source.subject}/${source.group}`
}

export const readerOf = ({ project, name }: Pick<StreamName, 'project' | 'name'>) => `stream ${project}/${name}`

/**
 * One time of working a stream, from opening its source to the first failure or the end: pull, prepare, score, publish, and every
 * 100 ms a checkpoint. State in memory is only ever ahead of the checkpoint; a session that ends without one is repeated from there.
 */
export async function openSession(deps: SessionDeps, stream: StreamName, tables: readonly LookupTable[], watch: Watch) {
  const { sql, store, clock, connections, log } = deps
  const { project, name, spec } = stream
  const stop = new AbortController()
  const { signal } = stop
  const patience: Patience = { rest: (ms, problem) => watch.rest(ms, problem, signal), fine: watch.fine }
  const partitions = new Map<string, Partition & object>()
  const prepare = createPrepare(spec, tables)
  const score = createScore(deps, { project, name, deployment: spec.deployment, retries: spec.retries })
  const keyOf = (partition: string): CheckpointKey => ({ project, stream: name, source: sourceKeyOf(spec), partition })
  const isShared = sql.dialect === 'postgresql'
  let inFlight = 0
  let saving: Promise<void> | undefined
  let savedMs = clock.now()
  let failure: unknown
  let isBusy = false
  let isTorn = false
  let missedBefore = 0
  let cancelTimer = () => {}

  async function partitionOf(partition: string): Promise<Partition & object> {
    const known = partitions.get(partition)
    if (known) return known
    const claimed = await claimPartition(
      { sql, store, clock },
      keyOf(partition),
      spec,
      connections.node,
      !isShared || spec.source.kind !== 'nats',
    )
    if (!claimed) throw standby(name)
    partitions.set(partition, claimed)
    return claimed
  }

  function drop(lost: readonly string[]): void {
    for (const partition of lost) {
      inFlight -= partitions.get(partition)?.uncommitted() ?? 0
      partitions.delete(partition)
    }
  }

  const source: StreamSource = await connections.openSource(
    spec.source,
    { project, reader: readerOf(stream) },
    {
      ...spec.source,
      maxInFlight: spec.maxInFlight,
      onLost: drop,
      resumeAfter: async (partition) => (await partitionOf(partition)).position() ?? undefined,
      onStart: async (partition, position) => (await partitionOf(partition)).advance(position, 0),
    },
  )
  const sinks = createPatientSinks(deps, stream, signal, patience)

  /** Writes what was done so far; only called between two batches. */
  async function save(): Promise<void> {
    const snapshots = [...partitions.values()].map((partition) => partition.snapshot())
    savedMs = clock.now()
    await Promise.all([source.sync(), sinks.sync()])
    const saved = await sql.transaction(async (tx) => {
      const kept: boolean[] = []
      for (const snapshot of snapshots) kept.push(await snapshot.saveIn(tx))
      return kept
    })
    for (const [i, { partition, position, events }] of snapshots.entries()) {
      inFlight -= events
      if (!saved[i]) {
        log.warn('streams.partition_lost', { project, stream: name, partition })
        drop([partition])
        if (spec.source.kind !== 'kafka') throw standby(name)
      } else if (position !== null) await source.ack(partition, position)
    }
  }

  /** Begins a checkpoint unless one is under way; the stream goes on meanwhile. */
  function startSaving(): void {
    cancelTimer()
    cancelTimer = () => {}
    if (saving || failure !== undefined) return
    saving = save()
      .catch((error: unknown) => {
        failure ??= error
        stop.abort()
      })
      .finally(() => {
        saving = undefined
        if (!isBusy) planSaving()
      })
  }

  /** After a batch, and whenever nothing is to be done: a checkpoint now or at its time. */
  function planSaving(): void {
    const dueMs = inFlight > 0 ? CHECKPOINT_EVERY_MS : isShared ? RENEW_EVERY_MS : undefined
    if (dueMs === undefined || saving || signal.aborted) return
    const waitMs = savedMs + dueMs - clock.now()
    cancelTimer()
    if (waitMs <= 0 || inFlight > spec.maxInFlight / 2) {
      startSaving()
      return
    }
    cancelTimer = clock.after(waitMs, () => {
      if (!isBusy) startSaving()
    })
  }

  /** Waits until a checkpoint has made room. */
  async function room(): Promise<number> {
    while (inFlight >= spec.maxInFlight && !signal.aborted) {
      startSaving()
      await saving
    }
    return spec.maxInFlight - inFlight
  }

  async function workOn(partitionName: string, events: readonly StreamEvent[], live: Live): Promise<boolean> {
    const partition = await partitionOf(partitionName)
    const fresh = events.filter(({ position }) => partition.isNew(position))
    if (fresh.length === 0) return true
    inFlight += fresh.length
    isTorn = true
    const { prepared, refused, late } = prepareAll(fresh, live, partition)
    const answers = await score.scoreAll(prepared, live, { signal, patience })
    if (!answers) return false
    const outputs = await Promise.all(answers.flatMap((one) => ('score' in one ? [score.outputFrom(one)] : [])))
    for (const one of answers) if (!('score' in one)) refused.push(one)
    const letters = refused.filter(({ isDropped }) => !isDropped).map((one) => deadLetterFrom(keyOf(partitionName), one, clock.now()))
    const published = await sinks.publish(outputs, letters)
    if (!published) return false
    isTorn = false
    // It went to another process meanwhile, which does all this again, under the same ids.
    if (partitions.get(partitionName) !== partition) {
      inFlight -= fresh.length
      return true
    }
    const { counts } = partition
    counts.read += fresh.length
    counts.published += outputs.length - published.duplicates
    counts.repeated += published.duplicates
    counts.dead += letters.length
    counts.dropped += refused.length - letters.length
    counts.late += late
    counts.missed += source.missed() - missedBefore
    missedBefore = source.missed()
    partition.advance(fresh.at(-1)!.position, fresh.length)
    watch.read(fresh.length)
    return true
  }

  function prepareAll(events: readonly StreamEvent[], live: Live, { keyed, time }: Partition & object) {
    const prepared: Prepared[] = []
    const refused: Refused[] = []
    let late = 0
    const now = clock.now()
    for (const event of events) {
      const outcome = prepare(event, live, keyed, time, now)
      const one = 'prepared' in outcome ? outcome.prepared : outcome.refused
      if (one.isLate) late += 1
      if ('prepared' in outcome) prepared.push(outcome.prepared)
      else refused.push(outcome.refused)
    }
    return { prepared, refused, late }
  }

  /** Works until stopped; throws what ended it. */
  async function run(): Promise<void> {
    while (!signal.aborted) {
      const most = Math.min(spec.batch.most, await room())
      planSaving()
      const events = signal.aborted ? [] : await source.pull(most, spec.batch.lingerMs, signal)
      if (events.length === 0) continue
      isBusy = true
      const live = await score.serving(signal, patience)
      if (!live) break
      for (const [partition, own] of Map.groupBy(events, (event) => event.partition)) if (!(await workOn(partition, own, live))) break
      isBusy = false
    }
    cancelTimer()
    await saving
    if (failure !== undefined) throw failure
    // What was begun and not published when the end came is left to the next session.
    if (!isTorn && inFlight > 0) await save()
  }

  // Where a group begins that has no place yet is its place from now on.
  if (partitions.size > 0) await save()

  return {
    run,
    stop: () => stop.abort(),
    inFlight: () => inFlight,
    lag: () => source.lag(),
    /** Whether all that the source has was worked on and is in a checkpoint; hurries the checkpoint when only that is missing. */
    async isSettled(): Promise<boolean> {
      if (isBusy || signal.aborted) return false
      if (saving) {
        await saving
        return false
      }
      if ((await source.lag()) !== 0 || isBusy) return false
      if (inFlight === 0) return true
      startSaving()
      return false
    },
    async close(): Promise<void> {
      stop.abort()
      cancelTimer()
      await Promise.allSettled([source.close(), sinks.close()]).then((ends) => {
        for (const end of ends)
          if (end.status === 'rejected') log.warn('streams.close_failed', { stream: name, error: messageFrom(end.reason) })
      })
    },
  }
}

/** The sink and the dead letters, which are tried again and opened anew until they take what they are given. */
function createPatientSinks(
  { connections, log }: SessionDeps,
  { project, name, spec }: StreamName,
  signal: AbortSignal,
  patience: Patience,
) {
  const opened = new Map<'sink' | 'deadLetters', StreamSink>()

  async function publish(which: 'sink' | 'deadLetters', events: readonly Outgoing[]): Promise<{ duplicates: number } | undefined> {
    if (events.length === 0) return { duplicates: 0 }
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
      try {
        const sink = opened.get(which) ?? (await connections.openSink(spec[which], project))
        opened.set(which, sink)
        const answer = await sink.publish(events)
        if (waitMs > FIRST_RETRY_MS) patience.fine()
        return answer
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        log.warn('streams.sink_failed', { project, stream: name, which, error: error.message })
        const broken = opened.get(which)
        opened.delete(which)
        await broken?.close().catch((thrown: unknown) => log.debug('streams.close_failed', { error: messageFrom(thrown) }))
        await patience.rest(waitMs, error.message)
        if (signal.aborted) return undefined
      }
    }
  }

  return {
    async publish(outputs: readonly Outgoing[], letters: readonly Outgoing[]): Promise<{ duplicates: number } | undefined> {
      const published = await publish('sink', outputs)
      return published && (await publish('deadLetters', letters)) && published
    },
    async sync(): Promise<void> {
      await Promise.all([...opened.values()].map((sink) => sink.sync()))
    },
    async close(): Promise<void> {
      await Promise.all([...opened.values()].map((sink) => sink.close()))
    },
  }
}
