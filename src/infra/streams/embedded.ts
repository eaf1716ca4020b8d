import fs from 'node:fs'
import path from 'node:path'
import { AppError } from '../../contract/errors.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Log } from '../log.ts'
import type { OpenSource, StreamSink, StreamSource } from './port.ts'
import { openSubjectLog, type SubjectLog } from './subject-log.ts'

const MOST_SUBJECTS = 256

export type EmbeddedLogs = ReturnType<typeof createEmbeddedLogs>

/** The subjects of every project, each a log in a folder of its own; opened when first asked for. */
type LogsOptions = { folder: string; guest?: boolean; clock: Clock; log: Log; limitBytes: number }

export function createEmbeddedLogs({ folder, guest, clock, log, limitBytes }: LogsOptions) {
  const opened = new Map<string, Promise<SubjectLog>>()

  function open(project: string, subject: string): Promise<SubjectLog> {
    const key = `${project}/${subject}`
    const known = opened.get(key)
    if (known) return known
    if (guest)
      throw new AppError(
        'unsupported',
        `the embedded subject ${subject} is in the hands of one process, and this server has several; use NATS or Kafka, or start it without workers`,
      )
    if (opened.size >= MOST_SUBJECTS)
      throw new AppError('too_large', `the embedded streams hold at most ${MOST_SUBJECTS} subjects; use a broker for more`)
    const opening = openSubjectLog({ folder: path.join(folder, project, subject), name: subject, clock, log, limitBytes })
    opened.set(key, opening)
    opening.catch(() => opened.delete(key))
    return opening
  }

  return {
    open,
    /** The log of a subject that something was put into before; undefined where nothing ever was. */
    async find(project: string, subject: string): Promise<SubjectLog | undefined> {
      if (!opened.has(`${project}/${subject}`) && !fs.existsSync(path.join(folder, project, subject))) return undefined
      return await open(project, subject)
    },
    async close(): Promise<void> {
      for (const log of opened.values()) await (await log).close()
      opened.clear()
    },
  }
}

/** Reads a log for one group. The place of the group is the reader’s to keep; the log keeps what the reader has still to see. */
export async function openEmbeddedSource(
  log: SubjectLog,
  { partition, reader, clock, from, resumeAfter, onStart }: OpenSource & { partition: string; reader: string; clock: Clock },
): Promise<StreamSource> {
  const resumed = await resumeAfter(partition)
  if (resumed !== undefined) log.continueAfter(resumed)
  let position = resumed ?? (from === 'new' ? log.last() : log.first() - 1)
  let missed = 0
  log.hold(reader, position)
  if (resumed === undefined) await onStart(partition, position)
  return {
    async pull(most, lingerMs, signal) {
      await log.waitFor(position, signal)
      if (lingerMs > 0 && log.last() - position < most) await sleep(clock, lingerMs, signal)
      if (signal.aborted) return []
      const entries = await log.read(position, most)
      if (entries.length === 0) return []
      missed += entries[0]!.position - position - 1
      position = entries.at(-1)!.position
      return entries.map((entry) => ({ partition, position: entry.position, atMs: entry.atMs, bytes: entry.bytes }))
    },
    async ack(_partition, acknowledged) {
      log.hold(reader, acknowledged)
    },
    sync: log.sync,
    lag: async () => log.last() - position,
    missed: () => missed,
    // The hold stays: a stream that is paused or restarted has still to read what it has not read.
    async close() {},
  }
}

export function openEmbeddedSink(log: SubjectLog): StreamSink {
  return {
    publish: async (events) => log.append(events),
    sync: log.sync,
    async close() {},
  }
}
