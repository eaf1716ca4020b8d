import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { addToSample, createRowSample } from '../../src/lib/drift/profile/row-sample.ts'
import type { ColumnHead } from '../../src/lib/drift/profile/table.ts'
import { createProfiler, frameFrom, profileChunk, profileOf, type TableProfile } from '../../src/lib/drift/profile/table-profile.ts'
import { compareTables } from '../../src/lib/drift/report/compare.ts'
import { createRandom } from '../../src/lib/random.ts'
import { tableOf } from '../drift/table.ts'
import { CHUNK_ROWS, createColumns, featureName, isMoved } from './columns.ts'
import type { CountTask } from './count.ts'

const usage = `Holds a wide and long table against a stored reference: time, memory and what was found; peers on what they can bear.
  node bench/wide/run.ts [--features 1000] [--rows 3000000] [--threads N] [--python PATH]
--python   a Python with numpy, pandas and evidently (and whylogs, if it is there); without it no peers`
const { values } = parseArgs({
  options: {
    features: { type: 'string', default: '1000' },
    rows: { type: 'string', default: '3000000' },
    threads: { type: 'string', default: String(availableParallelism()) },
    python: { type: 'string' },
    store: { type: 'string' },
    compare: { type: 'string' },
    help: { type: 'boolean' },
  },
})
const REFERENCE_ROWS = 100_000
const MEBIBYTE = 2 ** 20

if (values.help) console.log(usage)
// Each measure is taken in a process of its own, so that its peak of memory is its own.
else if (values.store) console.log(storeReference(Number(values.features), values.store))
else if (values.compare)
  console.log(JSON.stringify(await compareWith(values.compare, Number(values.features), Number(values.rows), Number(values.threads))))
else run(Number(values.features), Number(values.rows), Number(values.threads), values.python)

function run(features: number, rows: number, threads: number, python: string | undefined): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'wide-bench-'))
  try {
    const file = path.join(folder, 'reference.json')
    const made = Number(inProcess(['--store', file], features))
    const compared = (count: number, by: number) =>
      JSON.parse(inProcess(['--compare', file, '--rows', String(count), '--threads', String(by)], features)) as Compared
    const own = compared(rows, threads)
    const single = compared(Math.ceil(rows / 10), 1)
    const size = (statSync(file).size / MEBIBYTE).toFixed(1)
    console.log(`reference: ${REFERENCE_ROWS} rows of ${features} features, profiled in ${made.toFixed(1)} s, ${size} MiB\n`)
    const row = (name: string, count: number, found: Compared) => [
      name,
      features,
      count,
      found.seconds.toFixed(1),
      ((found.seconds * 1e9) / (features * count)).toFixed(1),
      Math.round(found.peakBytes / MEBIBYTE),
      `${found.right} of ${found.moved}, ${found.wrong} wrongly`,
    ]
    const peers = python === undefined ? [] : peerRows(python)
    console.log(
      tableOf(
        ['what', 'features', 'rows', 'seconds', 'ns per value', 'peak MiB', 'drifted features found'],
        [row(`Setpoint, ${threads} threads`, rows, own), row('Setpoint, 1 thread', Math.ceil(rows / 10), single), ...peers],
      ),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function inProcess(args: readonly string[], features: number): string {
  return execFileSync(process.execPath, [import.meta.filename, '--features', String(features), ...args], { encoding: 'utf8' })
}

function storeReference(features: number, file: string): number {
  const started = performance.now()
  const heads = Array.from({ length: features }, (_, f): ColumnHead => ({ name: featureName(f), kind: 'numeric' }))
  const indices = heads.map((_, f) => f)
  const columns = createColumns('reference')
  const sample = createRowSample(features, 5_000)
  addToSample(sample, columns(indices, 0, CHUNK_ROWS, false), createRandom('bins'))
  const profiler = createProfiler(frameFrom(heads, sample), { random: createRandom('reference'), sampleRows: 2_000 })
  for (let chunk = 0; chunk * CHUNK_ROWS < REFERENCE_ROWS; chunk++)
    profileChunk(profiler, columns(indices, chunk, Math.min(CHUNK_ROWS, REFERENCE_ROWS - chunk * CHUNK_ROWS), false))
  writeFileSync(file, JSON.stringify(profileOf(profiler)))
  return (performance.now() - started) / 1_000
}

type Compared = {
  readonly seconds: number
  readonly peakBytes: number
  readonly right: number
  readonly moved: number
  readonly wrong: number
}

/** From the stored reference and rows in memory to the finished report. Making the pool of rows is not counted. */
async function compareWith(file: string, features: number, rows: number, threads: number): Promise<Compared> {
  const reference = JSON.parse(readFileSync(file, 'utf8')) as TableProfile
  const parts = Array.from({ length: threads }, (_, t) => {
    const own = Array.from({ length: features }, (_, f) => f).filter((f) => f % threads === t)
    return { own, worker: startThread({ reference: columnsOf(reference, own), features: own, rows }) }
  })
  await Promise.all(parts.map(async ({ worker }) => await once(worker, 'message')))
  const started = performance.now()
  const counted = await Promise.all(
    parts.map(async ({ own, worker }) => {
      worker.postMessage('go')
      return { own, profile: ((await once(worker, 'message')) as [TableProfile])[0] }
    }),
  )
  const current = joined(reference, counted)
  const report = compareTables({ reference, current, names: { reference: 'stored', current: 'now' }, createdAt: 0 })
  const seconds = (performance.now() - started) / 1_000
  await Promise.all(parts.map(async ({ worker }) => await worker.terminate()))
  const drifted = new Set(report.columns.filter(({ verdict }) => verdict === 'drift').map(({ name }) => name))
  const truly = Array.from({ length: features }, (_, f) => f).filter(isMoved)
  const right = truly.filter((f) => drifted.has(featureName(f))).length
  // The peak of the whole process, threads included.
  return { seconds, peakBytes: process.resourceUsage().maxRSS * 1_024, right, moved: truly.length, wrong: drifted.size - right }
}

function startThread(task: CountTask): Worker {
  return new Worker(path.join(import.meta.dirname, 'count.ts'), { workerData: task })
}

/** The same profile with some of its columns only. */
function columnsOf(profile: TableProfile, features: readonly number[]): TableProfile {
  const columns = features.map((f) => profile.columns[f]!)
  // The rows of the sample are not needed to count.
  return { ...profile, columns, sample: { ...profile.sample, priorities: [], columns: columns.map(() => []) } }
}

/** Threads draw the same priorities for the same rows, so their columns are those of the same sampled rows. */
function joined(
  reference: TableProfile,
  parts: readonly { readonly own: readonly number[]; readonly profile: TableProfile }[],
): TableProfile {
  const { profile } = parts[0]!
  const columns = reference.columns.map((column) => column)
  const sampled = reference.sample.columns.map((column) => column)
  for (const part of parts)
    part.own.forEach((feature, i) => {
      columns[feature] = part.profile.columns[i]!
      sampled[feature] = part.profile.sample.columns[i]!
    })
  return { ...profile, columns, sample: { ...profile.sample, columns: sampled } }
}

/** Peers on a part of it that ends within minutes, in Python on the same machine. */
function peerRows(python: string): (string | number)[][] {
  const text = execFileSync(python, [path.join(import.meta.dirname, 'peers.py')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  type Peer = { name: string; features: number; rows: number; seconds: number; peakMebibytes: number; found: string }
  return (JSON.parse(text) as Peer[]).map(({ name, features, rows, seconds, peakMebibytes, found }) => [
    name,
    features,
    rows,
    seconds.toFixed(1),
    ((seconds * 1e9) / (features * rows)).toFixed(1),
    Math.round(peakMebibytes),
    found,
  ])
}
