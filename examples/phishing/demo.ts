import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createClient } from '../../src/contract/client.ts'
import { drift } from '../../src/contract/drift.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { type Act, playAct } from './demo/acts.ts'
import { apply, controlDocuments, readDocuments, trainFirst, untilWatched, writeFirstDataset } from './demo/prepare.ts'
import { printReport, type Report, reportFrom } from './demo/report.ts'
import { startServer } from './demo/server.ts'
import { createStatus } from './demo/status.ts'
import { startTraffic } from './demo/traffic.ts'
import { createWorld } from './world.ts'

const HELP = `Usage: npm run demo -- [options]

Starts a server on a temporary folder, trains and deploys a phishing classifier, and sends it a seeded stream of pages in
which an evasion campaign, a poisoned label feed and an honest seasonal change follow each other. The loop answers each.

  --seed N     the stream’s seed (1)
  --rate N     requests a second (2300)
  --keep       leave the server running at the end, to look around in the console
  --data DIR   use and keep this folder instead of a temporary one
  --json       print the result as JSON
`

const CALM_MS = 8_000
const ACT_LIMIT_MS = 60_000
const LABEL_DELAY_MS = 2_000
const LABELLED = 0.6
/** The control is about rows, not about requests: it sends many at once, to be over sooner. */
const CONTROL_ROWS_PER_REQUEST = 16
const CONTROL_SPEED_UP = 4
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function demo(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      rate: { type: 'string', default: '2300' },
      data: { type: 'string' },
      json: { type: 'boolean' },
      keep: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const [seed, rate] = [Number(values.seed), Number(values.rate)]
  if (!Number.isFinite(seed) || !(rate > 0)) throw new Error(`--seed and --rate take numbers\n\n${HELP}`)
  const data = path.resolve(values.data ?? fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-demo-')))
  const startedMs = Date.now()
  const status = createStatus(startedMs)

  status.say('starting the server')
  const server = await startServer(data)
  try {
    status.say(`console: ${server.consoleLink}`)
    const report = await play({ server, data, seed, rate, startedMs, status })
    if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    else printReport(report)
    process.exitCode = report.met ? 0 : 1
    if (values.keep) {
      status.say(`the server goes on at ${server.url}; press Ctrl-C to end it`)
      await new Promise((resolve) => process.once('SIGINT', resolve))
    }
  } finally {
    await server.stop()
    if (!values.data) fs.rmSync(data, { recursive: true, force: true })
  }
}

type Setting = {
  server: Awaited<ReturnType<typeof startServer>>
  data: string
  seed: number
  rate: number
  startedMs: number
  status: ReturnType<typeof createStatus>
}

async function play({ server, data, seed, rate, startedMs, status }: Setting): Promise<Report> {
  const client = createClient({ url: server.url, token: server.token })
  const dataset = path.join(data, 'calm.csv')
  status.say('training the first model on 30,000 calm pages')
  writeFirstDataset(dataset, seed)
  await trainFirst(server, 'phishing', dataset, path.join(data, 'first-training.log'))
  const declared = readDocuments()
  await apply(client, declared)
  await untilWatched(client, 'phishing', () => pause(100))

  const traffic = startTraffic({
    url: server.url,
    token: server.token,
    deployment: 'phishing',
    world: createWorld(seed),
    ratePerSecond: rate,
    prefix: 'page',
    labelDelayMs: LABEL_DELAY_MS,
    labelled: LABELLED,
  })
  const calmUntil = Date.now() + CALM_MS
  while (Date.now() < calmUntil) {
    await pause(200)
    status.show(traffic, { phase: 'calm', f1: null, step: 'watching' })
  }
  const acts: Act[] = []
  for (const phase of ['evasion', 'poison', 'season'] as const)
    acts.push(await playAct(client, traffic, phase, ACT_LIMIT_MS, (line) => status.show(traffic, line)))
  await traffic.stop()
  status.say(`the control: ${traffic.sent} calm rows to the first model, at ${rate * CONTROL_SPEED_UP} a second`)
  const control = await playControl({ server, seed, rows: traffic.sent, rate: rate * CONTROL_SPEED_UP, status, dataset, data })

  await untilStored(client, 'phishing', traffic.answered, startedMs)
  const verified = await client.call(ledger.verify, {})
  const stored = await storedCount(client, 'phishing', startedMs)
  const versions = await client.call(registry.listVersions, { model: 'phishing' })
  return reportFrom({
    seed,
    rate,
    traffic,
    acts,
    control,
    verified,
    stored,
    versions: versions.length,
    wallSeconds: (Date.now() - startedMs) / 1_000,
  })
}

type ControlSetting = Pick<Setting, 'server' | 'seed' | 'rate' | 'status' | 'data'> & { rows: number; dataset: string }

/** As many undrifted requests as the acts had, with the same model and monitor: every detection here is a false alarm. */
async function playControl({
  server,
  seed,
  rows,
  rate,
  status,
  dataset,
  data,
}: ControlSetting): Promise<{ requests: number; falseAlarms: number }> {
  const client = createClient({ url: server.url, token: server.token })
  await trainFirst(server, 'control', dataset, path.join(data, 'control-training.log'))
  await apply(client, controlDocuments(readDocuments()))
  await untilWatched(client, 'control', () => pause(100))
  const traffic = startTraffic({
    url: server.url,
    token: server.token,
    deployment: 'control',
    world: createWorld(`control ${seed}`),
    ratePerSecond: rate,
    prefix: 'control',
    rowsPerRequest: CONTROL_ROWS_PER_REQUEST,
    labelDelayMs: LABEL_DELAY_MS,
    labelled: LABELLED,
  })
  while (traffic.sent < rows) {
    await pause(200)
    status.show(traffic, { phase: 'calm', f1: null, step: `control: ${Math.min(100, Math.round((traffic.sent / rows) * 100))} %` })
  }
  await traffic.stop()
  await untilStored(client, 'control', traffic.answered, 0)
  const detections = await client.call(drift.listDetections, { deployment: 'control' })
  return { requests: traffic.sent, falseAlarms: detections.length }
}

type Caller = ReturnType<typeof createClient>

async function storedCount(client: Caller, deployment: string, sinceMs: number): Promise<number> {
  const windowMs = Math.max(60_000, Date.now() - sinceMs + 60_000)
  const summary = await client.call(telemetry.summarizeTraffic, { deployment, windowMs: Math.min(windowMs, 3_600_000) })
  return summary.deployments[0]?.requests ?? 0
}

/** Waits until telemetry has moved what was answered, at most 20 s: whatever is missing then was lost. */
async function untilStored(client: Caller, deployment: string, rows: number, sinceMs: number): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 250) {
    if ((await storedCount(client, deployment, sinceMs)) >= rows) return
    await pause(250)
  }
}

await demo()
