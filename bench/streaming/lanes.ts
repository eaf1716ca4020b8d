import http from 'node:http'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

/** A way in and a way out: publishes events, and tells of each score as it comes. */
export type Lane = {
  publish(events: readonly { id: string; data: object }[]): Promise<void>
  onScore(told: (event: string) => void): void
  received(): number
  close(): Promise<void>
}

const FETCH = 1_000
const LONG_POLL_MS = 5_000

/** Over HTTP: a publisher, and a reader that asks for what comes next and waits for it. */
export function embeddedLane({ url, token }: { url: string; token: string }, name: string): Lane {
  const agent = new http.Agent({ keepAlive: true })
  const subject = `${url}/api/v1/stream-subjects/${name}`
  const stop = new AbortController()
  let told = (_event: string): void => {}
  let received = 0
  let after = 0

  function request(method: string, target: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) }
      const sent = http.request(target, { method, agent, headers, signal: stop.signal }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(pieces).toString()
          if (response.statusCode === 200) resolve(text)
          else reject(new Error(`${target} answered ${response.statusCode}: ${text.slice(0, 300)}`))
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  async function readOn(): Promise<void> {
    while (!stop.signal.aborted) {
      const text = await request('GET', `${subject}-out/events?after=${after}&limit=${FETCH}&waitMs=${LONG_POLL_MS}`)
      const { events } = JSON.parse(text) as { events: { position: number; data: { event: string } }[] }
      for (const { position, data } of events) {
        after = position
        received += 1
        told(data.event)
      }
    }
  }
  const reading = readOn().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })

  return {
    async publish(events) {
      await request('POST', `${subject}-in/events`, JSON.stringify({ events }))
    },
    onScore(next) {
      told = next
    },
    received: () => received,
    async close() {
      stop.abort()
      await reading
      agent.destroy()
    },
  }
}

/** Over NATS: published to JetStream and acknowledged; scores are heard as the server stores them. */
export async function natsLane(url: string, name: string): Promise<Lane> {
  const connection = await connect({ servers: url })
  const client = jetstream(connection, { timeout: 30_000 })
  await jetstreamManager(connection)
  let told = (_event: string): void => {}
  let received = 0
  connection.subscribe(`${name}-out`, {
    callback(error, message) {
      if (error) throw error
      received += 1
      told(message.json<{ event: string }>().event)
    },
  })
  return {
    async publish(events) {
      await Promise.all(events.map(({ id, data }) => client.publish(`${name}-in`, JSON.stringify(data), { msgID: id })))
    },
    onScore(next) {
      told = next
    },
    received: () => received,
    close: () => connection.close(),
  }
}
