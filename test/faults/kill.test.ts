import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { apply, readDocuments, trainFirst, untilWatched, writeFirstDataset } from '../../examples/phishing/demo/prepare.ts'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { createWorld, featureNames, type Phase } from '../../examples/phishing/world.ts'
import { createClient } from '../../src/contract/client.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { labels as labelsContract } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { type LoopRun, loops } from '../../src/contract/loops.ts'
import { registry } from '../../src/contract/registry.ts'
import { systemClock } from '../../src/infra/clock.ts'
import { createColumns } from '../../src/infra/columns/columns.ts'
import { silentLog } from '../../src/infra/log.ts'
import { createRandom } from '../../src/lib/random.ts'

const KILLS = 50
const RATE = 300
const SEED = 11
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let data: string
let port: number
let server: Server
beforeAll(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-kill-'))
  server = await startServer(data)
  port = Number(new URL(server.url).port)
})
afterAll(async () => {
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
})

/** The phishing example at a fraction of its size, so that a loop fits between two kills. */
function smallDocuments() {
  return readDocuments().map((document) => {
    if (document.kind === 'Trainer')
      return { ...document, spec: { ...document.spec, snapshot: { maxRows: 4_000, minRows: 300, holdOut: 0.2, includeReference: false } } }
    if (document.kind !== 'Loop') return document
    const stage = { minRows: 200, maxSeconds: 600, margin: 0.02, alpha: 0.05 }
    return {
      ...document,
      spec: {
        ...document.spec,
        corroborate: { withinSeconds: 600, labelledRows: 800 },
        cooldownSeconds: 5,
        rollout: { shadow: stage, canary: { percent: 20, maxErrorRate: 0.01, ...stage } },
      },
    }
  })
}

/** Sends pages and labels for as long as the test lasts, and remembers exactly what the server acknowledged. */
function startSending() {
  const world = createWorld(SEED)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })
  const acked = new Set<string>()
  const ackedLabels = new Set<string>()
  const due: { recordId: string; label: number; source: string }[] = []
  const state = { phase: 'calm' as Phase, sent: 0, running: true }
  const client = createClient({ url: `http://127.0.0.1:${port}`, token: server.token })

  function send() {
    const page = world.sample(state.phase)
    const id = `page-${state.sent++}`
    const body = JSON.stringify({
      id,
      parameters: { actor: page.actor, source: page.network },
      inputs: [{ name: 'features', datatype: 'FP32', shape: [1, featureNames.length], data: [...page.features] }],
    })
    const call = http.request(
      {
        port,
        host: '127.0.0.1',
        agent,
        method: 'POST',
        path: '/v2/models/phishing/infer',
        headers: { authorization: `Bearer ${server.token}`, 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        response.on('error', () => {})
        response.resume().on('end', () => {
          if (response.statusCode !== 200 || !response.complete || response.headers['setpoint-recorded'] === 'false') return
          acked.add(id)
          due.push({ recordId: id, label: page.label, source: page.labelSource })
        })
      },
    )
    // A request that the kill cut off was not acknowledged: nothing is expected of it.
    call.on('error', () => {})
    call.end(body)
  }

  async function label() {
    while (state.running) {
      await pause(100)
      const batch = due.splice(0, 5_000)
      if (batch.length === 0) continue
      const accepted = await client.call(labelsContract.recordLabels, { deployment: 'phishing', labels: batch }).then(
        () => true,
        () => false,
      )
      if (accepted) for (const { recordId } of batch) ackedLabels.add(recordId)
    }
  }
  const timer = setInterval(send, 1_000 / RATE)
  const labelling = label()
  return {
    state,
    acked,
    ackedLabels,
    async stop() {
      clearInterval(timer)
      await pause(500)
      state.running = false
      await labelling
      agent.destroy()
    },
  }
}

async function killAndRestart(): Promise<void> {
  const gone = new Promise((resolve) => server.process.once('exit', resolve))
  server.process.kill('SIGKILL')
  await gone
  server = await startServer(data, { port })
}

async function runsOf(): Promise<LoopRun[]> {
  return await createClient({ url: server.url, token: server.token }).call(loops.listRuns, { deployment: 'phishing' })
}

test(`${KILLS} kills at random moments lose nothing, double nothing, and the loop ends as it should`, async () => {
  const client = () => createClient({ url: server.url, token: server.token })
  writeFirstDataset(path.join(data, 'calm.csv'), SEED)
  await trainFirst(server, 'phishing', path.join(data, 'calm.csv'), path.join(data, 'training.log'))
  await apply(client(), smallDocuments())
  await untilWatched(client(), 'phishing', () => pause(100))
  const sending = startSending()
  const random = createRandom(SEED)
  for (let kill = 1; kill <= KILLS; kill++) {
    if (kill === 5) sending.state.phase = 'evasion'
    // Now and then long enough for a training, mostly too short for anything.
    await pause(kill % 5 === 0 ? 6_000 * random.next() : 1_500 * random.next())
    await killAndRestart()
  }
  const promoted = async () => (await runsOf()).find((run) => run.outcome === 'promoted')
  for (let waited = 0; waited < 180_000 && !(await promoted()); waited += 500) await pause(500)
  const run = await promoted()
  await sending.stop()
  expect(run, JSON.stringify((await runsOf()).map(({ step, state, outcome, reason }) => ({ step, state, outcome, reason })))).toBeDefined()
  expect((await client().call(registry.getModel, { model: 'phishing' })).aliases).toMatchObject([
    { alias: 'champion', version: run!.challenger },
  ])
  expect(await client().call(deployments.getDeployment, { deployment: 'phishing' })).toMatchObject({
    ready: true,
    route: { mode: 'steady', championVersion: run!.challenger },
  })
  expect(await client().call(ledger.verify, {})).toMatchObject({ intact: true })

  await untilMoved()
  await server.stop()
  await expectExactlyOnce('inference_records', sending.acked)
  await expectExactlyOnce('labels', sending.ackedLabels)
  server = await startServer(data, { port })
  console.log(
    `${KILLS} kills: ${sending.acked.size} predictions and ${sending.ackedLabels.size} labels acknowledged of ${sending.state.sent} requests; none lost, none doubled`,
  )
})

async function untilMoved(): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 250) {
    const ready = (await (await fetch(`${server.url}/readyz`)).json()) as { queuedSegments: number }
    if (ready.queuedSegments === 0) break
    await pause(250)
  }
  await pause(1_500)
}

/** Every acknowledged record is stored once; one that was cut off before its answer may be there, but not twice. */
async function expectExactlyOnce(table: string, acked: ReadonlySet<string>): Promise<void> {
  const columns = await createColumns({
    folder: path.join(data, 'columns'),
    migrations: 'migrations/columns',
    log: silentLog,
    clock: systemClock,
  })
  try {
    const stored = new Set(
      (await columns.query<{ record_id: string }>(`SELECT DISTINCT record_id FROM ${table}`)).map((row) => row.record_id),
    )
    const doubled = await columns.query(`SELECT record_id, count() AS times FROM ${table} GROUP BY record_id HAVING times > 1 LIMIT 5`)
    expect([table, doubled]).toEqual([table, []])
    expect([table, [...acked].filter((id) => !stored.has(id)).slice(0, 5)]).toEqual([table, []])
    expect(acked.size).toBeGreaterThan(KILLS)
  } finally {
    await columns.close()
  }
}
