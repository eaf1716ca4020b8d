import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { streams } from '../../src/contract/streams.ts'
import { startNats } from '../../test/services/nats.ts'
import { benchModel, benchRows, FEATURES } from '../serving/model.ts'
import { embeddedLane, type Lane, natsLane } from './lanes.ts'

// Events a second and the time from publishing an event to reading its score, as a client sees both; see README.md.
const { values: given } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '15' },
    kinds: { type: 'string', default: 'embedded,nats' },
    windows: { type: 'boolean', default: false },
  },
})
const WARM_EVENTS = 10_000
const TICK_MS = 10
const features = Array.from({ length: FEATURES }, (_, i) => `f${i}`)
const rows = benchRows(1_000)
const windowed = given.windows ? [{ name: 'f0', kind: 'sliding', sizeMs: 3_600_000, key: 'card', aggregate: 'mean', of: 'amount' }] : []
let made = 0

/** The next events, each with an id of its own; ids count on through the whole run. */
function nextEvents(count: number): { id: string; data: object }[] {
  return Array.from({ length: count }, () => {
    const id = `e${made++}`
    const row = rows[made % rows.length]!
    return {
      id,
      data: { id, at: Date.now(), card: made % 2_000, amount: row[0], ...Object.fromEntries(features.map((name, f) => [name, row[f]])) },
    }
  })
}

async function declare(client: Client, kind: string): Promise<void> {
  const place = (subject: string) => ({ kind, subject })
  const spec = {
    deployment: 'trees',
    source: { ...place(`${kind}-in`), group: 'bench', from: 'all' },
    sink: place(`${kind}-out`),
    deadLetters: place(`${kind}-dead`),
    delivery: 'at-least-once',
    event: { id: 'id', time: 'at' },
    windows: windowed,
  }
  await client.call(documents.apply, { documents: [{ apiVersion: 'setpoint/v1', kind: 'Stream', metadata: { name: kind }, spec }] })
  for (;;) {
    const { state } = await client.call(streams.getStream, { stream: kind })
    if (state === 'running') return
    await delay(50)
  }
}

/** Publishes as fast as it is taken, and waits for the last score. */
async function eventsPerSecond(lane: Lane, count: number): Promise<number> {
  const goal = lane.received() + count
  const startedMs = performance.now()
  for (let sent = 0; sent < count; sent += 500) await lane.publish(nextEvents(Math.min(500, count - sent)))
  while (lane.received() < goal) await delay(1)
  return (count / (performance.now() - startedMs)) * 1_000
}

/** Publishes at a steady rate, whatever comes back, and times every event from when it was due. */
async function latenciesMs(lane: Lane, rate: number, seconds: number): Promise<Float64Array> {
  const perTick = Math.round((rate * TICK_MS) / 1_000)
  const ticks = (seconds * 1_000) / TICK_MS
  const due = new Map<string, number>()
  const found: number[] = []
  lane.onScore((id) => {
    const dueMs = due.get(id)
    if (dueMs !== undefined) found.push(performance.now() - dueMs)
    due.delete(id)
  })
  const publishing: Promise<void>[] = []
  const startedMs = performance.now()
  for (let tick = 0; tick < ticks; tick++) {
    const dueMs = startedMs + tick * TICK_MS
    while (performance.now() < dueMs) await delay(Math.max(0, dueMs - performance.now()))
    const events = nextEvents(perTick)
    for (const { id } of events) due.set(id, dueMs)
    publishing.push(lane.publish(events))
  }
  await Promise.all(publishing)
  while (due.size > 0) await delay(1)
  lane.onScore(() => {})
  return Float64Array.from(found).sort()
}

/** User and system time of the server, in the kernel’s ticks of 10 ms. */
function processorSeconds(server: Server): number {
  const fields = fs.readFileSync(`/proc/${server.process.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function measure(kind: string, server: Server, natsUrl: string): Promise<string> {
  const client = createClient({ url: server.url, token: server.token })
  await declare(client, kind)
  const lane = kind === 'nats' ? await natsLane(natsUrl, 'nats') : embeddedLane({ url: server.url, token: server.token }, kind)
  await eventsPerSecond(lane, WARM_EVENTS)
  const speed = await eventsPerSecond(lane, Number(given.events))
  const before = processorSeconds(server)
  const latencies = await latenciesMs(lane, Number(given.rate), Number(given.seconds))
  const microseconds = ((processorSeconds(server) - before) / latencies.length) * 1e6
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!.toFixed(1)
  const { counts } = await client.call(streams.getStream, { stream: kind })
  await lane.close()
  return `| ${kind} | ${Math.round(speed).toLocaleString('en')} | ${given.rate} | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${microseconds.toFixed(0)} | ${counts.dead + counts.missed} |`
}

const nats = await startNats()
const kinds = given.kinds.split(',').filter((kind) => kind !== 'nats' || !('skipped' in nats))
if ('skipped' in nats) console.error(`NATS is left out: ${nats.skipped}`)
const natsUrl = 'url' in nats ? nats.url : ''
const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-streaming-'))
const environment: Record<string, string> = natsUrl === '' ? {} : { SETPOINT_BUS_URL: natsUrl }
const server = await startServer(data, { environment: { ...environment, SETPOINT_LOG_LEVEL: 'warn' } })
try {
  const client = createClient({ url: server.url, token: server.token })
  const { digest } = await client.call(registry.uploadArtifact, { body: benchModel() as never })
  await client.call(registry.registerVersion, { model: 'trees', artifact: digest, features, alias: 'champion' })
  await client.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'Deployment', metadata: { name: 'trees' }, spec: { model: 'trees' } }],
  })
  console.log(
    '| source and sink | events a second, flat out | at events a second | p50 ms | p99 ms | most ms | processor µs an event | lost |',
  )
  console.log('|---|---|---|---|---|---|---|---|')
  for (const kind of kinds) console.log(await measure(kind, server, natsUrl))
} finally {
  await server.stop()
  if ('remove' in nats) await nats.remove()
  fs.rmSync(data, { recursive: true, force: true })
}
