import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { batch } from '../../src/contract/batch.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { tableOf } from '../drift/table.ts'
import { FEATURES, writeModel, writeRows } from './model.ts'

const usage = `Measures batch scoring of a Parquet file beside the bare model and Python, all in the same run.
  node bench/batch/run.ts [--rows 3000000] [--rounds 3] [--alone]
--alone     without Python
SETPOINT_BENCH_PYTHON names a Python with pandas, pyarrow and onnxruntime; without it an environment is made, which takes minutes.`
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '3000000' },
    rounds: { type: 'string', default: '3' },
    alone: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
})

const BLOCK_ROWS = 8_192
const PACKAGES = ['onnxruntime==1.30.0', 'pyarrow', 'pandas']
const START_LIMIT_MS = 60_000
const root = path.resolve(import.meta.dirname, '../..')
/** As many as the server uses. */
const threads = Math.min(4, availableParallelism())

type Spent = { readonly seconds: number; readonly processorSeconds: number }
const measures = [
  'the bare model on ready arrays',
  'Setpoint, the whole run: five steps, checks, swap',
  'Setpoint, step run_scoring',
  'pyarrow batches and onnxruntime, no checks',
  'pandas frame and onnxruntime, no checks',
] as const

if (values.help) console.log(usage)
else await run(Number(values.rows), Number(values.rounds), values.alone)

async function run(rows: number, rounds: number, alone: boolean): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'batch-bench-'))
  const model = path.join(folder, 'model.onnx')
  const home = path.join(folder, 'data/batch/default')
  const source = path.join(home, 'rows-2026-11-01.parquet')
  mkdirSync(home, { recursive: true })
  writeModel(model)
  writeRows(source, rows)
  const python = alone ? undefined : pythonWithPeers()
  const server = await startServer(path.join(folder, 'data'))
  try {
    await declare(server.client, model)
    const measured = new Map<string, Spent[]>(measures.map((name) => [name, []]))
    const note = (name: (typeof measures)[number], spent: Spent) => measured.get(name)!.push(spent)
    // In turns, so that whatever else the machine does falls on all of them.
    for (let round = 0; round < rounds; round++) {
      note('the bare model on ready arrays', await timeBare(model, rows))
      const own = await timeRun(server, round > 0)
      note('Setpoint, the whole run: five steps, checks, swap', own.run)
      note('Setpoint, step run_scoring', own.scoring)
      if (!python) continue
      const given = (how: string) => [model, source, path.join(folder, `${how}.parquet`), String(threads), String(BLOCK_ROWS)]
      note('pyarrow batches and onnxruntime, no checks', timePeer(python, 'pyarrow', given('pyarrow')))
      note('pandas frame and onnxruntime, no checks', timePeer(python, 'pandas', given('pandas')))
    }
    const [limit] = [...measured.values()]
    const middle = (all: readonly Spent[], of: keyof Spent) => median(all.map((one) => one[of]))
    const rowsOf = [...measured].filter(([, all]) => all.length > 0)
    console.log(`${rows} rows of ${FEATURES} features, 100 trees of depth 6, ${threads} threads, medians of ${rounds} rounds\n`)
    console.log(
      tableOf(
        ['measure', 'rows a second', 'of the limit', 'processor µs a row', 'limit ÷ this'],
        rowsOf.map(([name, all]) => [
          name,
          Math.round(rows / middle(all, 'seconds')).toLocaleString('en'),
          `${Math.round((middle(limit!, 'seconds') / middle(all, 'seconds')) * 100)} %`,
          Number.isNaN(middle(all, 'processorSeconds')) ? '' : ((middle(all, 'processorSeconds') / rows) * 1e6).toFixed(2),
          Number.isNaN(middle(all, 'processorSeconds'))
            ? ''
            : `${Math.round((middle(limit!, 'processorSeconds') / middle(all, 'processorSeconds')) * 100)} %`,
        ]),
      ),
    )
    console.log(`\npeak memory of the server process: ${server.peakMegabytes()} MB`)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

async function declare(client: Client, model: string): Promise<void> {
  const { digest } = await client.call(registry.uploadArtifact, { body: readFileSync(model) as never })
  const features = Array.from({ length: FEATURES }, (_, f) => `f${f}`)
  await client.call(registry.registerVersion, { model: 'bench', artifact: digest, features, alias: 'champion' })
  const spec = {
    model: 'bench',
    source: { kind: 'parquet', path: 'rows-{ds}.parquet', keyColumn: 'id' },
    destination: { kind: 'parquet', path: 'scores-{ds}.parquet' },
  }
  await client.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'BatchScoring', metadata: { name: 'bench' }, spec }],
  })
}

/** A run from its start to its end, as the server’s own clock has them, and the step of it that scores. */
async function timeRun(server: Server, force: boolean): Promise<{ run: Spent; scoring: Spent }> {
  const { client } = server
  const before = server.processorSeconds()
  const { run } = await client.call(batch.startRun, { batch: 'bench', ds: '2026-11-01', force })
  for (;;) {
    const now = await client.call(batch.getRun, { batch: 'bench', id: run!.id })
    if (now.endedAt === null) {
      await delay(100)
      continue
    }
    if (now.state !== 'succeeded') throw new Error(`the run ${now.state}: ${now.problem}`)
    const scoring = now.steps.find(({ step }) => step === 'run_scoring')!
    return {
      run: { seconds: (now.endedAt - now.startedAt!) / 1_000, processorSeconds: server.processorSeconds() - before },
      scoring: { seconds: (scoring.endedAt! - scoring.startedAt!) / 1_000, processorSeconds: Number.NaN },
    }
  }
}

/** What it takes the threads, each with a session of its own, to score as many rows. */
async function timeBare(model: string, rows: number): Promise<Spent> {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./bare-thread.ts', import.meta.url), { workerData: { model, features: FEATURES, blockRows: BLOCK_ROWS } }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const blocks = Math.ceil(rows / BLOCK_ROWS / threads)
  const startedMs = performance.now()
  const before = process.cpuUsage()
  await Promise.all(
    workers.map((worker) => {
      worker.postMessage(blocks)
      return once(worker, 'message')
    }),
  )
  const seconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(before)
  await Promise.all(workers.map((worker) => worker.terminate()))
  const share = rows / (blocks * BLOCK_ROWS * threads)
  return { seconds: seconds * share, processorSeconds: ((user + system) / 1e6) * share }
}

function timePeer(python: string, how: string, given: readonly string[]): Spent {
  const said = execFileSync(python, [path.join(import.meta.dirname, 'peers.py'), how, ...given], { encoding: 'utf8' })
  const [seconds, processorSeconds] = said.trim().split(' ').map(Number)
  return { seconds: seconds!, processorSeconds: processorSeconds! }
}

type Server = Awaited<ReturnType<typeof startServer>>

async function startServer(data: string) {
  const port = await freePort()
  const { SETPOINT_BENCH_PYTHON: _python, ...inherited } = process.env
  const own = { SETPOINT_OPEN: 'true', SETPOINT_DATA: data, SETPOINT_PORT: String(port), SETPOINT_LOG_LEVEL: 'warn' }
  const child = spawn(process.execPath, [path.join(root, 'src/serve.ts')], {
    env: { ...inherited, ...own },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  const url = `http://127.0.0.1:${port}`
  const deadlineMs = Date.now() + START_LIMIT_MS
  while (!(await isHealthy(url))) {
    if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error('the server did not start')
    await delay(200)
  }
  return {
    client: createClient({ url }),
    /** Linux keeps the highest resident size of a process. */
    peakMegabytes: () => Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1_024),
    /** User and system time of the process, in the kernel’s ticks of 10 ms. */
    processorSeconds() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) / 100
    },
    async stop() {
      const exit = once(child, 'exit')
      process.kill(-child.pid!, 'SIGTERM')
      await exit
    },
  }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`)).ok
  } catch {
    // Nobody listens yet.
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** The Python of SETPOINT_BENCH_PYTHON, or of an environment made here once. */
function pythonWithPeers(): string {
  if (process.env.SETPOINT_BENCH_PYTHON) return process.env.SETPOINT_BENCH_PYTHON
  const folder = path.join(tmpdir(), 'setpoint-bench-batch')
  const python = path.join(folder, 'bin/python')
  if (!existsSync(path.join(folder, 'ready'))) {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' })
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES], { stdio: 'inherit' })
    mkdirSync(path.join(folder, 'ready'))
  }
  return python
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
