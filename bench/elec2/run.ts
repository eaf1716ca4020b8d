import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { trainFirst, untilWatched } from '../../examples/phishing/demo/prepare.ts'
import { startServer } from '../../examples/phishing/demo/server.ts'
import { createClient } from '../../src/contract/client.ts'
import { documents as documentsContract } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { type LoopRun, loops } from '../../src/contract/loops.ts'
import { createNumericCsvReader, numericCsvHeader, numericCsvLine } from '../../src/lib/numeric-csv.ts'
import { type Decile, offlineDeciles } from './baselines.ts'
import { documents, FEATURES, LABEL_DELAY_ROWS, RATE } from './settings.ts'

// ELEC2 through the whole loop: the first tenth trains the first model, the rest is replayed with labels a day late.

const root = path.resolve(import.meta.dirname, '../..')
const file = path.resolve(process.argv[2] ?? path.join(root, '../shared/datasets/elec2/elec.csv'))
if (!fs.existsSync(file)) {
  console.error(
    `There is no ${file}. Get elec.csv (Harries 1999: period, nswprice, nswdemand, vicprice, vicdemand, transfer, class) and name it: npm run bench -- elec2 FILE`,
  )
  process.exit(2)
}

const reader = createNumericCsvReader()
reader.push(fs.readFileSync(file, 'utf8'))
const table = reader.end()
const labels = table.columns[table.names.indexOf('class')]!
const columns = FEATURES.map((name) => table.columns[table.names.indexOf(name)]!)
const firstTenth = Math.floor(table.rows / 10)

const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-elec2-'))
const server = await startServer(data)
try {
  const client = createClient({ url: server.url, token: server.token })
  const dataset = path.join(data, 'first-tenth.csv')
  let text = numericCsvHeader([...FEATURES, 'label'])
  for (let row = 0; row < firstTenth; row++) text += numericCsvLine([...columns.map((column) => column[row]!), labels[row]!])
  fs.writeFileSync(dataset, text)
  await trainFirst(server, 'elec2', dataset, path.join(data, 'first-training.log'), { script: 'bench/elec2/train.ts', features: FEATURES })
  await client.call(documentsContract.apply, { documents, reason: 'the ELEC2 benchmark' })
  await untilWatched(client, 'elec2', () => new Promise((resolve) => setTimeout(resolve, 100)))
  const startedMs = Date.now()
  const replayed = await replay(server.url, server.token)
  const runs = (await client.call(loops.listRuns, { deployment: 'elec2', limit: 1_000 })).reverse()
  const verified = await client.call(ledger.verify, {})
  print(replayed, offlineDeciles(columns, labels), runs, startedMs)
  console.log(
    `\nledger ${verified.intact ? 'intact' : 'BROKEN'}, ${verified.entries} entries; ${replayed.rows} rows, ${replayed.labelsTold} labels, ${replayed.seconds.toFixed(0)} s`,
  )
} finally {
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
}

type Replayed = {
  rows: number
  labelsTold: number
  seconds: number
  accuracy: number
  previousLabelAccuracy: number
  deciles: { decile: number; rows: number; accuracy: number; previousLabelAccuracy: number; rowsByVersion: Record<string, number> }[]
}

/** Replays the rest of the file as a user would: `setpoint replay`. */
function replay(url: string, token: string): Promise<Replayed> {
  const options = [
    '--data',
    file,
    '--deployment',
    'elec2',
    '--label',
    'class',
    '--from',
    String(firstTenth + 1),
    '--rate',
    String(RATE),
    '--label-delay',
    String(LABEL_DELAY_ROWS),
    '--features',
    FEATURES.join(','),
    '--json',
    '--url',
    url,
    '--token',
    token,
  ]
  const child = spawn(process.execPath, [path.join(root, 'src/cli/main.ts'), 'replay', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
  })
  return new Promise((resolve, reject) =>
    child.once('exit', (code) => (code === 0 ? resolve(JSON.parse(out) as Replayed) : reject(new Error(`replay ended with code ${code}`)))),
  )
}

function print(replayed: Replayed, offline: readonly Decile[], runs: readonly LoopRun[], startedMs: number): void {
  const share = (value: number) => value.toFixed(4)
  /** The decile in which a run began, from its time: rows come at a steady rate. */
  const decileOf = (run: LoopRun) =>
    Math.min(10, Math.floor(((firstTenth + ((run.startedAt - startedMs) / 1_000) * RATE) * 10) / table.rows) + 1)
  console.log('| decile | loop | stale | retrained on the decile before | previous label | versions that served | what the loop did |')
  console.log('|---|---|---|---|---|---|---|')
  for (const one of replayed.deciles) {
    const own = offline.find((decile) => decile.decile === one.decile)!
    const did = count(
      runs
        .filter((run) => decileOf(run) === one.decile)
        .map((run) => (run.outcome === 'refused' && run.training === null ? 'rested' : (run.outcome ?? run.step))),
    )
    console.log(
      `| ${one.decile} | ${share(one.accuracy)} | ${share(own.stale)} | ${share(own.retrained)} | ${share(one.previousLabelAccuracy)} | ${Object.keys(one.rowsByVersion).join(', ')} | ${did} |`,
    )
  }
  const rest = offline.filter((decile) => decile.decile > 1)
  const mean = (of: (decile: Decile) => number) => rest.reduce((sum, decile) => sum + of(decile), 0) / rest.length
  console.log(
    `| all | **${share(replayed.accuracy)}** | ${share(mean((decile) => decile.stale))} | ${share(mean((decile) => decile.retrained))} | ${share(replayed.previousLabelAccuracy)} | | ${count(runs.map((run) => (run.outcome === 'refused' && run.training === null ? 'rested' : (run.outcome ?? run.step))))} |`,
  )
}

function count(words: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].map(([word, times]) => `${times} ${word}`).join(', ') || '–'
}
