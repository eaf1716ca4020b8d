import { documents } from '../../src/contract/documents.ts'
import { type Stream, streams } from '../../src/contract/streams.ts'
import type { World } from '../world.ts'

const LIMIT_MS = 45_000

/** Waits for what comes over a real network in real time; `what` is said when it does not come. */
export async function until(what: string, isReached: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + LIMIT_MS
  while (!(await isReached())) {
    if (Date.now() > deadlineMs) throw new Error(`after ${LIMIT_MS} ms there is no ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export const streamDocument = (name: string, spec: object) => ({
  apiVersion: 'setpoint/v1',
  kind: 'Stream',
  metadata: { name },
  spec: { deployment: 'churn', delivery: 'at-least-once', event: { id: 'id', time: 'at' }, ...spec },
})

export const declare = (world: World, ...given: object[]) => world.admin.call(documents.apply, { documents: given })
export const statusOf = (world: World, stream: string): Promise<Stream> => world.admin.call(streams.getStream, { stream })
/** An event at a time that the test’s clock knows. */
export const eventAt = (world: World, id: string, a: unknown = 0.9) => Buffer.from(JSON.stringify({ id, at: world.clock.now(), a, b: 0 }))
