import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { streams } from '../../../contract/streams.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { EmbeddedLogs } from '../../../infra/streams/embedded.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { StreamName } from './session.ts'
import type { Store } from './store.ts'

type SubjectVerbs = Pick<Verbs<typeof streams>, 'publishEvents' | 'readEvents' | 'acknowledgeEvents'>
type Deps = {
  readonly sql: Sql
  readonly store: Store
  readonly clock: Clock
  readonly documents: Documents
  readonly logs: EmbeddedLogs
  /** The streams that this process works. */
  readonly specs: () => readonly StreamName[]
}

/** The embedded subjects over HTTP, for those who have no broker. */
export function createSubjectVerbs({ sql, store, clock, documents, logs, specs }: Deps): SubjectVerbs {
  /** Only what a stream reads can be put in: what streams write is theirs, and other names would be litter. */
  async function needSource(project: string, subject: string): Promise<void> {
    const reads = (spec: StreamName['spec']) => spec.source.kind === 'embedded' && spec.source.subject === subject
    if (specs().some((one) => one.project === project && reads(one.spec))) return
    if ((await documents.all('Stream', project)).some(({ spec }) => reads(spec))) return
    throw new AppError('not_found', `no Stream of project ${project} reads the embedded subject ${subject}; declare one that does`)
  }

  /** A subject that a stream names can be waited on before anything was put into it. */
  async function needLog(project: string, subject: string) {
    const found = await logs.find(project, subject)
    if (found) return found
    const names = ({ source, sink, deadLetters }: StreamName['spec']) =>
      [source, sink, deadLetters].some((place) => place.kind === 'embedded' && place.subject === subject)
    if ((await documents.all('Stream', project)).some(({ spec }) => names(spec))) return await logs.open(project, subject)
    throw new AppError('not_found', `project ${project} has no embedded subject ${subject}; a Stream that names it makes it`)
  }

  return {
    async publishEvents({ subject, events }, caller) {
      await needSource(caller.project, subject)
      const log = await logs.open(caller.project, subject)
      const { duplicates } = log.append(events.map(({ id = '', data }) => ({ id, bytes: Buffer.from(JSON.stringify(data ?? null)) })))
      await log.sync()
      return { last: log.last(), duplicates }
    },
    async readEvents({ subject, after, group, limit, waitMs }, caller) {
      const log = await needLog(caller.project, subject)
      const from = after ?? (group === undefined ? 0 : ((await store.findOffset(sql, caller.project, subject, group)) ?? 0))
      if (waitMs > 0 && log.last() <= from) {
        const patience = new AbortController()
        const cancel = clock.after(waitMs, () => patience.abort())
        const signal = caller.signal ? AbortSignal.any([patience.signal, caller.signal]) : patience.signal
        await log.waitFor(from, signal).finally(cancel)
      }
      const entries = await log.read(from, limit)
      return {
        events: entries.map(({ position, id, atMs, bytes }) => ({ position, id: id === '' ? null : id, at: atMs, data: dataFrom(bytes) })),
        first: log.first(),
        last: log.last(),
      }
    },
    async acknowledgeEvents({ subject, group, position }, caller) {
      const log = await needLog(caller.project, subject)
      if (position > log.last())
        throw new AppError('invalid', `subject ${subject} ends at position ${log.last()}; ${position} cannot have been read`)
      await log.sync()
      await store.saveOffset(sql, caller.project, subject, group, position)
      return { position }
    },
  }
}

function dataFrom(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
