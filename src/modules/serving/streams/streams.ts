import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import type { Stream, StreamCounts, streams } from '../../../contract/streams.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { replayDeadLetters } from './replay.ts'
import { readerOf, type StreamName, sourceKeyOf } from './session.ts'
import { createStore, noCounts, streamControlsTable } from './store.ts'
import { createSubjectVerbs } from './subjects.ts'
import { startWorker, type Worker, type WorkerDeps } from './worker.ts'

export type Streams = Verbs<typeof streams> & {
  /** Works the streams in force, and follows their documents from then on. */
  start(): Promise<void>
  /** Ends after the batches under way and their checkpoints. */
  stop(): Promise<void>
  /** Resolves when every stream of this process has worked on all that its source has, or waits for time to pass. */
  settle(): Promise<void>
}

type Deps = Omit<WorkerDeps, 'store'> & { readonly documents: Documents; readonly ledger: Ledger; readonly bus: Bus }

export function createStreams(given: Deps): Streams {
  const { sql, clock, log, bus, ledger, documents, connections } = given
  const deps = { ...given, store: createStore(sql.dialect) }
  const { store } = deps
  const workers = new Map<string, Worker>()
  const turns = new Map<string, Promise<void>>()
  /** What was followed last, worked or paused. */
  const followed = new Map<string, StreamName>()
  let isStopped = false

  /** Makes what is worked what the document and its control say; one change of a stream at a time. */
  function follow(project: string, name: string): Promise<void> {
    const key = `${project}/${name}`
    const turn = (turns.get(key) ?? Promise.resolve())
      .then(() => change(project, name))
      .catch((error: unknown) => log.error('streams.follow_failed', { project, stream: name, error }))
    turns.set(key, turn)
    return turn
  }

  async function change(project: string, name: string): Promise<void> {
    const key = `${project}/${name}`
    const declared = await documents.find('Stream', project, name)
    const control = await store.findControl(sql, project, name)
    const running = workers.get(key)
    const wanted = declared && !control?.paused && !isStopped ? nameOf(declared) : undefined
    if (running && wanted && JSON.stringify(running.stream.spec) === JSON.stringify(wanted.spec)) return
    workers.delete(key)
    await running?.stop()
    if (wanted) workers.set(key, startWorker(deps, wanted))
    const now = declared && nameOf(declared)
    await keepUnread(followed.get(key), now)
    if (now) followed.set(key, now)
    else followed.delete(key)
  }

  /** An embedded source keeps what a stream has still to read, also while it is paused, and no longer once it is gone. */
  async function keepUnread(before: StreamName | undefined, now: StreamName | undefined): Promise<void> {
    const [old, current] = [before, now].map((one) => (one?.spec.source.kind === 'embedded' ? one.spec.source.subject : undefined))
    if (before && old !== undefined && old !== current) (await connections.logs.open(before.project, old)).letGo(readerOf(before))
    if (!now || current === undefined || workers.has(`${now.project}/${now.name}`)) return
    const key = { project: now.project, stream: now.name, source: sourceKeyOf(now.spec), partition: connections.node }
    const position = (await store.find(sql, key))?.position
    if (position != null) (await connections.logs.open(now.project, current)).hold(readerOf(now), position)
  }

  bus.watch((event: BusEvent) => {
    const { kind, name } = event.data as { kind?: string; name?: string }
    if (event.name.startsWith('documents.') && kind === 'Stream') void follow(event.project, name!)
    else if (event.name === 'streams.paused' || event.name === 'streams.resumed') void follow(event.project, event.subject)
  })

  async function describe(declared: Declared<'Stream'>): Promise<Stream> {
    const { project, name, spec } = nameOf(declared)
    const [control, kept] = [await store.findControl(sql, project, name), await store.ofStream(sql, project, name, sourceKeyOf(spec))]
    const status = await workers.get(`${project}/${name}`)?.status()
    const watermarks = kept.map(({ latestMs }) => (latestMs === null ? null : Math.max(0, latestMs - spec.late.allowedMs)))
    const known = watermarks.filter((one) => one !== null)
    return {
      name,
      deployment: spec.deployment,
      state: control?.paused ? 'paused' : (status?.state ?? 'starting'),
      problem: status?.problem ?? null,
      pausedBy: control?.paused ? `${control.changedBy}: ${control.reason}` : null,
      lag: status?.lag ?? null,
      inFlight: status?.inFlight ?? 0,
      perSecond: status?.perSecond ?? 0,
      watermark: known.length === 0 ? null : Math.min(...known),
      partitions: kept.map(({ partition, node, position, updatedAtMs }, i) => ({
        partition,
        node,
        position: position ?? 0,
        watermark: watermarks[i]!,
        checkpointAt: updatedAtMs,
      })),
      counts: sumOf(kept.map(({ counts }) => counts)),
    }
  }

  async function setPaused(name: string, paused: boolean, reason: string, caller: Caller): Promise<Stream> {
    const declared = await documents.need('Stream', caller.project, name)
    await sql.transaction(async (tx) => {
      const before = await store.findControl(tx, caller.project, name)
      if ((before?.paused ?? false) === paused) return
      await store.saveControl(tx, caller.project, name, { paused, changedBy: caller.id, reason, changedAt: clock.now() })
      const operation = paused ? 'streams.pauseStream' : 'streams.resumeStream'
      await ledger.seal(tx, { caller, reason, operation, table: streamControlsTable, key: [caller.project, name] })
      const data = { by: caller.id, reason }
      await bus.publish(tx, { name: paused ? 'streams.paused' : 'streams.resumed', project: caller.project, subject: name, data })
    })
    await follow(caller.project, name)
    return await describe(declared)
  }

  return {
    ...createSubjectVerbs({
      sql,
      store,
      clock,
      documents,
      logs: connections.logs,
      specs: () => [...workers.values()].map(({ stream }) => stream),
    }),
    async start() {
      isStopped = false
      for (const declared of await documents.all('Stream')) await follow(declared.project, declared.metadata.name)
    },
    async stop() {
      isStopped = true
      await Promise.all([...workers.values()].map((worker) => worker.stop()))
      workers.clear()
    },
    async settle() {
      await Promise.all(turns.values())
      // Whoever was woken by the clock a moment ago is given its turn.
      await new Promise((resolve) => setImmediate(resolve))
      for (const worker of workers.values())
        while (workers.get(`${worker.stream.project}/${worker.stream.name}`) === worker && !(await worker.isSettled()))
          await new Promise((resolve) => setImmediate(resolve))
    },
    async listStreams(_input, caller) {
      return await Promise.all((await documents.all('Stream', caller.project)).map(describe))
    },
    async getStream({ stream }, caller) {
      return await describe(await documents.need('Stream', caller.project, stream))
    },
    pauseStream: ({ stream, reason }, caller) => setPaused(stream, true, reason, caller),
    resumeStream: ({ stream, reason }, caller) => setPaused(stream, false, reason, caller),
    async replayDeadLetters({ stream, limit, dryRun, reason }, caller) {
      const declared = nameOf(await documents.need('Stream', caller.project, stream))
      const answer = await replayDeadLetters(deps, declared, { limit, dryRun })
      if (dryRun || answer.letters.length === 0) return answer
      await sql.transaction(async (tx) => {
        const subject = `stream_dead_letters/${caller.project}/${stream}`
        await ledger.note(tx, { caller, reason, operation: 'streams.replayDeadLetters', subject })
        const data = { by: caller.id, reason, replayed: answer.replayed }
        await bus.publish(tx, { name: 'streams.replayed', project: caller.project, subject: stream, data })
      })
      return answer
    },
  }
}

const nameOf = ({ project, metadata, spec }: Declared<'Stream'>): StreamName => ({ project, name: metadata.name, spec })

function sumOf(all: readonly StreamCounts[]): StreamCounts {
  const sum: { -readonly [K in keyof StreamCounts]: number } = { ...noCounts }
  for (const counts of all) for (const name of Object.keys(sum) as (keyof StreamCounts)[]) sum[name] += counts[name]
  return sum
}
