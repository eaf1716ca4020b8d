import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { streams } from '../../src/contract/streams.ts'
import { modelWithCut } from '../world.ts'

const EVENTS = 40_000
const CARDS = 50
const BATCH = 200
const KILLS = 6
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let data: string
let server: Server
let admin: Client
beforeAll(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-streams-kill-'))
  await restart()
})
afterAll(async () => {
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
})

async function restart(): Promise<void> {
  server = await startServer(data)
  admin = createClient({ url: server.url, token: server.token })
}

type Scored = { event: string; id: string; derived: { a: number; total: number } }

/** What the windows must say of each event, by counting alone: every card’s events so far, and the sum of their amounts. */
function expectedOf(): Map<string, { a: number; total: number }> {
  const seen = new Map<number, { a: number; total: number }>()
  const expected = new Map<string, { a: number; total: number }>()
  for (let i = 0; i < EVENTS; i++) {
    const before = seen.get(i % CARDS) ?? { a: 0, total: 0 }
    const now = { a: before.a + 1, total: before.total + (i % 10) }
    seen.set(i % CARDS, now)
    expected.set(`e-${i}`, now)
  }
  return expected
}

async function declare(): Promise<void> {
  const { digest } = await admin.call(registry.uploadArtifact, { body: modelWithCut(0.5) as never })
  await admin.call(registry.registerVersion, { model: 'churn', artifact: digest, features: ['a', 'b'], alias: 'champion' })
  const place = (subject: string) => ({ kind: 'embedded', subject })
  const window = { kind: 'tumbling', sizeMs: 30 * 86_400_000, key: 'card' }
  const spec = {
    deployment: 'churn',
    source: { ...place('in'), group: 'g', from: 'all' },
    sink: place('out'),
    deadLetters: place('dead'),
    delivery: 'at-least-once',
    event: { id: 'id', time: 'at' },
    windows: [
      { name: 'a', ...window, aggregate: 'count' },
      { name: 'total', ...window, aggregate: 'sum', of: 'amount' },
    ],
  }
  await admin.call(documents.apply, {
    documents: [
      { apiVersion: 'setpoint/v1', kind: 'Deployment', metadata: { name: 'churn' }, spec: { model: 'churn' } },
      { apiVersion: 'setpoint/v1', kind: 'Stream', metadata: { name: 'cards' }, spec },
    ],
  })
}

/** Publishes every event, again and again until it is answered for: the id keeps it one. */
async function publishAll(atMs: number): Promise<void> {
  for (let from = 0; from < EVENTS; from += BATCH) {
    const events = Array.from({ length: BATCH }, (_, i) => {
      const n = from + i
      return { id: `e-${n}`, data: { id: `e-${n}`, at: atMs, card: n % CARDS, amount: n % 10, b: 0 } }
    })
    for (;;) {
      try {
        await admin.call(streams.publishEvents, { subject: 'in', events })
        break
      } catch {
        // The server is being killed or started; the same events are sent again.
        await pause(50)
      }
    }
  }
}

async function readAll(): Promise<Scored[]> {
  const all: Scored[] = []
  for (let after = 0; ; ) {
    const { events } = await admin.call(streams.readEvents, { subject: 'out', after, limit: 1_000 })
    if (events.length === 0) return all
    all.push(...events.map((event) => event.data as Scored))
    after = events.at(-1)!.position
  }
}

const countsOf = async () => (await admin.call(streams.getStream, { stream: 'cards' })).counts

test('a stream that is killed again and again loses no event, scores none twice in its output, and counts each once in its windows', async () => {
  await declare()
  // One window of thirty days holds all of them, wherever its edges lie.
  const atMs = Math.floor(Date.now() / (30 * 86_400_000)) * 30 * 86_400_000 + 1_000
  const publishing = publishAll(atMs)
  let kills = 0
  for (let killed = 1; killed <= KILLS; killed++) {
    const goal = (killed * EVENTS) / (KILLS + 1)
    while ((await countsOf()).read < goal) await pause(5)
    const gone = new Promise((resolve) => server.process.once('exit', resolve))
    server.process.kill('SIGKILL')
    await gone
    kills += 1
    await restart()
  }
  await publishing
  while ((await countsOf()).read < EVENTS) await pause(50)

  const counts = await countsOf()
  expect(counts).toMatchObject({ read: EVENTS, dead: 0, late: 0, missed: 0, evicted: 0 })
  expect(counts.published + counts.repeated).toBe(EVENTS)
  const out = await readAll()
  expect(out).toHaveLength(EVENTS)
  const expected = expectedOf()
  const wrong = out.filter(({ event, derived }, i) => {
    const { a, total } = expected.get(event)!
    return event !== `e-${i}` || derived.a !== a || derived.total !== total
  })
  expect(wrong).toEqual([])
  expect((await admin.call(ledger.verify, {})).broken).toBeNull()
  expect(counts.repeated).toBeGreaterThan(0)
  console.log(`${kills} kills; ${counts.repeated} outputs were sent again and stored once`)
})
