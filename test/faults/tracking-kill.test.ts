import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'

const WRITERS = 64
const KILLS = 8
const METRICS_PER_BATCH = 10
/** So many writers send so many metrics a batch that their histories are put in order while they write. */
const HEAVY_WRITERS = 4
const METRICS_PER_HEAVY_BATCH = 800
const WRITING_MS = 2_500
const AGAIN_MS = 100
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let data: string
let server: Server
const agent = new http.Agent({ keepAlive: true, maxSockets: WRITERS })
beforeAll(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-tracking-kill-'))
  server = await startServer(data)
})
afterAll(async () => {
  agent.destroy()
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
})

/** Resolves with the reply of a call that was answered with 200; `undefined` for one that was cut off. */
function call<T>(method: 'GET' | 'POST', where: string, fields: object): Promise<T | undefined> {
  const query = method === 'GET' ? `?${new URLSearchParams(fields as Record<string, string>)}` : ''
  const body = method === 'GET' ? '' : JSON.stringify(fields)
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${server.token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const sent = http.request(`${server.url}/api/2.0/mlflow/${where}${query}`, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => resolve(undefined))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(JSON.parse(text) as T)
        else if (response.statusCode === 503) resolve(undefined)
        else reject(new Error(`${where}: ${response.statusCode} ${text}`))
      })
    })
    // A call that the kill cut off was not acknowledged.
    sent.on('error', () => resolve(undefined))
    sent.end(body)
  })
}

type Writer = { readonly run: string; readonly keys: number; acknowledged: number; cutOff: number }

function batchOf({ run, keys }: Writer, step: number): object {
  const metrics = Array.from({ length: keys }, (_, i) => ({ key: `m${i}`, value: step + i / 10, timestamp: step, step }))
  return { run_id: run, metrics, params: [{ key: `p${step}`, value: `${step}` }], tags: [{ key: 'last', value: `${step}` }] }
}

/** Logs step after step until told to stop; what was cut off is sent again, as clients do. */
async function write(writer: Writer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const reply = await call('POST', 'runs/log-batch', batchOf(writer, writer.acknowledged))
    if (reply) writer.acknowledged += 1
    else {
      writer.cutOff += 1
      await pause(AGAIN_MS)
    }
  }
}

type RunReply = { run: { data: { params?: { key: string; value: string }[]; tags: { key: string; value: string }[] } } }
type HistoryReply = { metrics?: { step: number; value: number }[] }

/** All of every acknowledged batch is there once; of a batch that was not acknowledged all or nothing. */
async function check({ run, keys, acknowledged }: Writer): Promise<void> {
  const { params = [], tags } = (await call<RunReply>('GET', 'runs/get', { run_id: run }))!.run.data
  const stored = params.length
  expect([acknowledged, acknowledged + 1]).toContain(stored)
  expect(params.map((param) => Number(param.value)).sort((a, b) => a - b)).toEqual(Array.from({ length: stored }, (_, step) => step))
  expect(tags.find((tag) => tag.key === 'last')?.value).toBe(stored === 0 ? undefined : String(stored - 1))
  for (let i = 0; i < keys; i += Math.ceil(keys / METRICS_PER_BATCH)) {
    const { metrics = [] } = (await call<HistoryReply>('GET', 'metrics/get-history', { run_id: run, metric_key: `m${i}` }))!
    expect(metrics.map((metric) => [metric.step, metric.value])).toEqual(Array.from({ length: stored }, (_, step) => [step, step + i / 10]))
  }
}

test(`${KILLS} kills under ${WRITERS} writers lose nothing that was acknowledged and double nothing`, async () => {
  const writers: Writer[] = await Promise.all(
    Array.from({ length: WRITERS }, async (_, i) => {
      const created = await call<{ run: { info: { run_id: string } } }>('POST', 'runs/create', { experiment_id: '0' })
      const keys = i < HEAVY_WRITERS ? METRICS_PER_HEAVY_BATCH : METRICS_PER_BATCH
      return { run: created!.run.info.run_id, keys, acknowledged: 0, cutOff: 0 }
    }),
  )
  for (let kill = 0; kill < KILLS; kill++) {
    const stop = new AbortController()
    const writing = Promise.all(writers.map((writer) => write(writer, stop.signal)))
    await pause(WRITING_MS * (0.5 + kill / KILLS))
    const gone = new Promise((resolve) => server.process.once('exit', resolve))
    server.process.kill('SIGKILL')
    await gone
    stop.abort()
    await writing
    server = await startServer(data, { port: Number(new URL(server.url).port) })
    for (const writer of writers) await check(writer)
  }
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0)
  expect(acknowledged).toBeGreaterThan(WRITERS * KILLS)
  expect(writers.some((writer) => writer.cutOff > 0)).toBe(true)
  console.log(`${acknowledged} batches acknowledged, ${writers.reduce((sum, writer) => sum + writer.cutOff, 0)} cut off`)
})
