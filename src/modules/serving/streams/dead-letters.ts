import { z } from 'zod'
import type { Outgoing } from '../../../infra/streams/port.ts'
import type { Refused } from './prepare.ts'
import type { CheckpointKey } from './store.ts'

/** An event that could not be scored, as it goes to the dead letters. */
const DeadLetter = z.object({
  id: z.string(),
  stream: z.string(),
  reason: z.string(),
  at: z.number(),
  from: z.object({ source: z.string(), partition: z.string(), position: z.number(), at: z.number() }),
  event: z.string(),
  encoding: z.enum(['utf8', 'base64']),
})
export type DeadLetter = z.infer<typeof DeadLetter>

/** The same event has the same letter, however often it fails. */
export function deadLetterFrom({ source, stream, partition }: CheckpointKey, { event, reason }: Refused, nowMs: number): Outgoing {
  const id = `${stream}/${source}/${partition}/${event.position}`
  const text = Buffer.from(event.bytes).toString()
  const isText = Buffer.from(text).equals(event.bytes)
  const letter: DeadLetter = {
    id,
    stream,
    reason,
    at: nowMs,
    from: { source, partition, position: event.position, at: event.atMs },
    event: isText ? text : Buffer.from(event.bytes).toString('base64'),
    encoding: isText ? 'utf8' : 'base64',
  }
  return { id, key: id, bytes: Buffer.from(JSON.stringify(letter)) }
}

/** Undefined for what is no dead letter of this stream. */
export function readDeadLetter(stream: string, bytes: Uint8Array): DeadLetter | undefined {
  let data: unknown
  try {
    data = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
  const read = DeadLetter.safeParse(data)
  return read.success && read.data.stream === stream ? read.data : undefined
}

/** The event of a letter, as it goes back into the source: its letter put back twice is one event where the source remembers ids. */
export function replayFrom({ id, event, encoding }: DeadLetter, position: number): Outgoing {
  return { id: `replay/${position}/${id}`, key: id, bytes: Buffer.from(event, encoding) }
}
