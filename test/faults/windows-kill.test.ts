import fs from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { activity } from '../../src/contract/activity.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { estimates } from '../../src/contract/estimates.ts'
import { incidents } from '../../src/contract/incidents.ts'
import { labels } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { systemClock } from '../../src/infra/clock.ts'
import { createColumns } from '../../src/infra/columns/columns.ts'
import { silentLog } from '../../src/infra/log.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'
import { deployment, modelWithCut, registerModel, rowsOf } from '../world.ts'

const WINDOW_MS = 10_000
/** A window is judged from so long after its end on, and again looked for every quarter of its length. */
const SETTLING_MS = 5_000
const LOOKS_WITHIN_MS = 2_500
const KILLS = 6
/** Windows of drift: from the kill after which they begin to the one after which they are over. */
const DRIFT = { from: 1, to: 4 }
const LABELS_WAIT_MS = 120_000
const SEED = 23
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let data: string
let server: Server
let port: number
let environment: Record<string, string>
let client: Client
beforeEach(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-windows-kill-'))
  port = await freePort()
})
afterEach(async () => {
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

async function restart(): Promise<void> {
  server = await startServer(data, { port, environment })
  client = createClient({ url: server.url, token: server.token })
}

/** Of the first process: workers, where there are any, go on answering. */
async function kill(): Promise<void> {
  const gone = new Promise((resolve) => server.process.once('exit', resolve))
  server.process.kill('SIGKILL')
  await gone
}

async function declare(): Promise<void> {
  const random = createRandom(SEED)
  await registerModel(client, 'churn', modelWithCut(0.5), { rows: rowsOf(random, 2_000), alias: 'champion' })
  const spec = {
    deployment: 'churn',
    falseAlarmBudget: { everyRows: 1e12 },
    // So wide that the detectors never alarm: then they say how many rows they have seen since the reset.
    tolerance: { features: 0.5, error: 0.5 },
    windows: { seconds: WINDOW_MS / 1_000, leastRows: 100, sustained: { windows: 2, of: 2 }, clearAfter: 2 },
  }
  const monitor = { apiVersion: 'setpoint/v1', kind: 'Monitor', metadata: { name: 'churn' }, spec }
  await client.call(documents.apply, { documents: [deployment(), monitor as never] })
  while (!(await client.call(deployments.getDeployment, { deployment: 'churn' })).ready) await pause(50)
  while (!(await client.call(drift.getMonitor, { monitor: 'churn' })).ready) await pause(50)
}

const rowsSeen = async (signal: 'features' | 'error') =>
  (await client.call(drift.getMonitor, { monitor: 'churn' })).signals.find((one) => one.signal === signal)!.rows

/** Sends small requests and their labels for as long as the test lasts, and remembers what the server acknowledged. */
function startSending() {
  const random = createRandom(`${SEED}/traffic`)
  const acked = new Set<string>()
  const ackedLabels = new Set<string>()
  const due: { recordId: string; label: number; source: string }[] = []
  const state = { moved: false, running: true, labelling: false }
  let sent = 0

  async function send(): Promise<void> {
    const rows = rowsOf(random, 5).map((row) => (state.moved ? { ...row, b: 0.5 + row.b / 2 } : row))
    const ids = rows.map(() => `row-${sent++}`)
    const body = {
      parameters: { actor: 'app', source: 'web', ids },
      inputs: [{ name: 'features', datatype: 'FP32', shape: [rows.length, 2], data: rows.flatMap(({ a, b }) => [a, b]) }],
    }
    const headers = { authorization: `Bearer ${server.token}` }
    const response = await fetch(`${server.url}/v2/models/churn/infer`, { method: 'POST', headers, body: JSON.stringify(body) })
    await response.text()
    if (response.status !== 200 || response.headers.get('setpoint-recorded') === 'false') return
    for (const [i, recordId] of ids.entries()) {
      acked.add(recordId)
      if (state.labelling) due.push({ recordId, label: rows[i]!.label, source: 'desk' })
    }
  }

  async function label(): Promise<void> {
    const batch = due.splice(0, 1_000)
    if (batch.length === 0) return
    await client.call(labels.recordLabels, { deployment: 'churn', labels: batch })
    for (const { recordId } of batch) ackedLabels.add(recordId)
  }

  async function repeat(work: () => Promise<void>, everyMs: number): Promise<void> {
    while (state.running) {
      await pause(everyMs)
      // What a kill cuts off was not acknowledged: nothing is expected of it.
      await work().catch(() => undefined)
    }
  }
  const working = Promise.all([repeat(send, 30), repeat(label, 150)])
  return {
    state,
    acked,
    ackedLabels,
    async stop() {
      state.running = false
      await working
    },
  }
}

/** Until so long after the end of a window; which window does not matter. */
async function untilPast(ms: number): Promise<void> {
  await pause((ms - (Date.now() % WINDOW_MS) + WINDOW_MS) % WINDOW_MS)
}

/** A kill while some window is being judged and estimated, by chance sooner or later in it. */
async function killWhileJudging(random: Random): Promise<void> {
  await untilPast(SETTLING_MS + random.next() * LOOKS_WITHIN_MS)
  await kill()
}

/** A kill in the last moments of a window, whose rows the server has when it is back but not yet moved to where windows are read. */
async function killBeforeItsEnd(random: Random): Promise<void> {
  await untilPast(WINDOW_MS - random.next() * 200)
  await kill()
  await untilPast(SETTLING_MS + 500)
}

async function untilMoved(): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 250) {
    const ready = (await (await fetch(`${server.url}/readyz`)).json()) as { queuedSegments: number }
    if (ready.queuedSegments === 0) break
    await pause(250)
  }
  await pause(1_500)
}

type Stored = {
  readonly ids: readonly string[]
  readonly labels: readonly string[]
  readonly byWindow: ReadonlyMap<number, number>
}

/** What the columns hold once the server is down: every record and label, doubles included, and the rows of each window. */
async function readStored(): Promise<Stored> {
  const folder = path.join(data, 'columns')
  const columns = await createColumns({ folder, migrations: 'migrations/columns', log: silentLog, clock: systemClock })
  try {
    const rows = await columns.query<{ id: string; at: number }>(
      'SELECT record_id AS id, toUnixTimestamp64Milli(at) AS at FROM inference_records',
    )
    const told = await columns.query<{ id: string }>('SELECT record_id AS id FROM labels')
    const byWindow = new Map<number, number>()
    for (const { at } of rows) {
      const fromMs = Math.floor(Number(at) / WINDOW_MS) * WINDOW_MS
      byWindow.set(fromMs, (byWindow.get(fromMs) ?? 0) + 1)
    }
    return { ids: rows.map(({ id }) => id), labels: told.map(({ id }) => id), byWindow }
  } finally {
    await columns.close()
  }
}

/** How often drift that lasted must have been told, and that it was over, by counting verdicts alone. */
function toldIn(verdicts: readonly string[]): { sustained: number; cleared: number } {
  const told = { sustained: 0, cleared: 0 }
  let lasts = false
  let same = 0
  let last = ''
  for (const verdict of verdicts.filter((one) => one !== 'insufficient_data')) {
    same = verdict === last ? same + 1 : 1
    last = verdict
    if (same < 2 || lasts === (verdict === 'drift')) continue
    lasts = verdict === 'drift'
    told[lasts ? 'sustained' : 'cleared']++
  }
  return told
}

const stepsOf = (starts: readonly number[]) => starts.slice(1).map((fromMs, i) => (fromMs - starts[i]!) / WINDOW_MS)

test.each([['one process', {}]])(
  '%s, killed around the ends of windows and while they are judged: each is judged once on all of its rows, and told once',
  async (name, given) => {
    environment = given
    await restart()
    await declare()
    const sending = startSending()
    // Labels count from the first row that the monitor has seen.
    while ((await rowsSeen('features')) === 0) await pause(50)
    sending.state.labelling = true
    const random = createRandom(SEED)
    for (let killed = 1; killed <= KILLS; killed++) {
      await (killed % 2 === 0 ? killWhileJudging : killBeforeItsEnd)(random)
      sending.state.moved = killed >= DRIFT.from && killed < DRIFT.to
      await restart()
    }
    sending.state.labelling = false
    await pause(2 * WINDOW_MS)
    // A label that came to another worker than its row waits for it, ever longer, and is looked at again as more rows come.
    for (let waited = 0; waited < LABELS_WAIT_MS && (await rowsSeen('error')) < sending.ackedLabels.size; waited += 500) await pause(500)
    await sending.stop()
    await untilMoved()
    await pause(WINDOW_MS + SETTLING_MS + 2 * LOOKS_WITHIN_MS)

    const [seen, labelled] = [await rowsSeen('features'), await rowsSeen('error')]
    const judged = (await client.call(drift.listWindows, { monitor: 'churn', limit: 500 })).reverse()
    const estimated = (await client.call(estimates.listEstimates, { monitor: 'churn', limit: 500 })).reverse()
    const events = await client.call(activity.listEvents, { limit: 500 })
    const opened = await client.call(incidents.listIncidents, { limit: 50 })
    expect(await client.call(ledger.verify, {})).toMatchObject({ intact: true })
    expect(await client.call(drift.getProfile, { model: 'churn', version: 1 })).toMatchObject({ sampleSize: 2_000 })
    await server.stop()
    const stored = await readStored()
    await restart()

    // Nothing acknowledged is lost, nothing is there twice.
    expect(stored.ids).toHaveLength(new Set(stored.ids).size)
    expect([...sending.acked].filter((id) => !new Set(stored.ids).has(id))).toEqual([])
    expect(stored.labels).toHaveLength(new Set(stored.labels).size)
    expect([...sending.ackedLabels].filter((id) => !new Set(stored.labels).has(id))).toEqual([])
    // The detectors have seen each row and each labelled row once.
    expect([seen, labelled]).toEqual([stored.ids.length, stored.labels.length])

    // No window is left out, none is judged or estimated twice, and each rests on every row that was served in it.
    expect(stepsOf(judged.map(({ fromMs }) => fromMs)).filter((step) => step !== 1)).toEqual([])
    expect(stepsOf(estimated.map(({ fromMs }) => fromMs)).filter((step) => step !== 1)).toEqual([])
    const expected = [...stored.byWindow].sort(([a], [b]) => a - b)
    expect(judged.filter(({ rows }) => rows > 0).map(({ fromMs, rows }) => [fromMs, rows])).toEqual(expected)
    expect(estimated.filter(({ rows }) => rows > 0).map(({ fromMs, rows }) => [fromMs, rows])).toEqual(expected)

    // What lasted was told once, and that it was over.
    const told = toldIn(judged.map(({ verdict }) => verdict))
    expect(told).toEqual({ sustained: 1, cleared: 1 })
    const named = (name: string) => events.filter((event) => event.name === name)
    expect([named('drift.sustained').length, named('drift.cleared').length]).toEqual([1, 1])
    expect(opened.filter(({ title }) => title.startsWith('Lasting drift'))).toHaveLength(1)
    console.log(
      `${name}, ${KILLS} kills: ${judged.length} windows judged once each, on ${stored.ids.length} rows; ${stored.labels.length} labels`,
    )
  },
)
