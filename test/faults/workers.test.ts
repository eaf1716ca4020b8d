import fs from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { holderOf } from '../../src/infra/places.ts'
import { createRandom } from '../../src/lib/random.ts'
import { deployment, modelWithCut, registerModel } from '../world.ts'

// Two workers behind one port, real processes, and a stream of requests that never stops.
const WORKERS = { SETPOINT_WORKERS: '2' }
const EVERY_MS = 4
const PAGE = 1_000
const random = createRandom('workers')
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let data: string
let port: number
let server: Server
let client: Client
beforeAll(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-workers-'))
  port = await freePort()
  server = await startServer(data, { port, environment: WORKERS })
  client = createClient({ url: server.url, token: server.token })
  await registerModel(client, 'churn', modelWithCut(0.5), { alias: 'champion' })
  await registerModel(client, 'churn', modelWithCut(0.1))
  await client.call(documents.apply, { documents: [deployment('churn')] })
})
afterAll(async () => {
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

/** Sends predictions on connections that are kept, and remembers what was acknowledged, by which version, and what failed. */
function startSending(prefix: string) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
  const acked = new Map<string, string>()
  const failed: string[] = []
  let sent = 0
  let underWay = 0

  function send() {
    const id = `${prefix}-${sent++}`
    const body = JSON.stringify({ id, inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [0.3, 0.1] }] })
    const headers = { authorization: `Bearer ${server.token}`, 'content-length': Buffer.byteLength(body) }
    underWay += 1
    const call = http.request({ port, host: '127.0.0.1', agent, method: 'POST', path: '/v2/models/churn/infer', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      // A reply that the kill cut off is no acknowledgement.
      response.on('error', () => failed.push('cut off'))
      response.on('end', () => {
        if (response.statusCode === 200) acked.set(id, (JSON.parse(text) as { model_version: string }).model_version)
        else failed.push(`${response.statusCode} ${text}`)
      })
    })
    call.on('error', (error: NodeJS.ErrnoException) => failed.push(error.code ?? error.message))
    call.on('close', () => {
      underWay -= 1
    })
    call.end(body)
  }
  const timer = setInterval(send, EVERY_MS)
  return {
    acked,
    failed,
    async stop() {
      clearInterval(timer)
      while (underWay > 0) await pause(20)
      agent.destroy()
    },
  }
}

/** How often each id of a prefix is recorded. */
async function recorded(prefix: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let after: string | undefined; ; ) {
    const page = await client.call(telemetry.listRecords, { deployment: 'churn', limit: PAGE, after })
    for (const { recordId } of page.records) if (recordId.startsWith(`${prefix}-`)) counts.set(recordId, (counts.get(recordId) ?? 0) + 1)
    if (page.next === null) return counts
    after = page.next
  }
}

async function expectRecordedOnce(prefix: string, acked: ReadonlyMap<string, string>): Promise<void> {
  const missing = async () => {
    const counts = await recorded(prefix)
    return [...acked.keys()].filter((id) => !counts.has(id)).length
  }
  await expect.poll(missing, { timeout: 60_000, interval: 1_000 }).toBe(0)
  expect([...(await recorded(prefix)).values()].filter((count) => count > 1)).toEqual([])
}

async function pidOf(worker: number): Promise<number> {
  await expect.poll(() => holderOf(data, worker), { timeout: 20_000 }).toBeDefined()
  return holderOf(data, worker)!
}

test('a new champion takes over under load without one request that fails', async () => {
  const sending = startSending('roll')
  await pause(500)
  await client.call(registry.moveAlias, { model: 'churn', alias: 'champion', version: 2, reason: 'the next version' })
  await expect.poll(() => [...sending.acked.values()].slice(-20).every((version) => version === '2'), { timeout: 20_000 }).toBe(true)
  await sending.stop()
  expect(sending.failed).toEqual([])
  expect(new Set(sending.acked.values())).toEqual(new Set(['1', '2']))
  await expectRecordedOnce('roll', sending.acked)
})

test('workers that are killed come back, and nothing they acknowledged is lost or doubled', async () => {
  const sending = startSending('kill')
  for (let kill = 0; kill < 4; kill++) {
    await pause(700 + random.int(800))
    process.kill(await pidOf((kill % 2) + 1), 'SIGKILL')
  }
  await pause(1_500)
  const before = sending.acked.size
  await expect.poll(() => sending.acked.size).toBeGreaterThan(before + 50)
  await sending.stop()
  expect(sending.acked.size).toBeGreaterThan(500)
  await expectRecordedOnce('kill', sending.acked)
})

test('without the first process the workers go on answering; the next one relieves them and takes in what they recorded', async () => {
  const orphans = [1, 2].map((worker) => holderOf(data, worker))
  const gone = new Promise((resolve) => server.process.once('exit', resolve))
  server.process.kill('SIGKILL')
  await gone
  const sending = startSending('orphan')
  await expect.poll(() => sending.acked.size, { timeout: 20_000 }).toBeGreaterThan(200)
  expect(sending.failed).toEqual([])
  server = await startServer(data, { port, environment: WORKERS })
  client = createClient({ url: server.url, token: server.token })
  await sending.stop()
  expect([1, 2, 3, 4].map((worker) => holderOf(data, worker)).some((pid) => pid !== undefined && orphans.includes(pid))).toBe(false)
  await expectRecordedOnce('orphan', sending.acked)
  expect(await client.call(ledger.verify, {})).toMatchObject({ intact: true })
})
