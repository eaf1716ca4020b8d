import fs from 'node:fs/promises'
import path from 'node:path'
import type { BatchScoringSpec } from '../../../contract/batch.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { JobContext } from '../../../infra/jobs/index.ts'
import type { Log } from '../../../infra/log.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { type Processing, thresholdOf } from '../../../lib/processing/processing.ts'
import { emptyCounts, histogramFrom, psiOfScores, type ScoreHistogram } from '../../../lib/stats/score-histogram.ts'
import { formOf, type Staged, stage } from './destinations.ts'
import { checkOutput } from './output-checks.ts'
import type { Runs } from './runs.ts'
import { type Extracted, extract, layoutOf, rawFolder, type SourceDeps } from './sources.ts'
import type { KeptRun, Store } from './store.ts'
import type { Chunk, ChunkStats, Stamp } from './threads/messages.ts'
import { createPool, type Pool } from './threads/pool.ts'

export type PipelineDeps = SourceDeps & {
  readonly sql: Sql
  readonly blobs: Blobs
  readonly store: Store
  readonly runs: Runs
  readonly log: Log
  /** Where each run has a folder of its own. */
  readonly folder: string
  /** Threads that score at once. */
  readonly threads: number
  readonly host: string
}
/** One attempt at a run: what it is, where it works, and whether it is still wanted. */
type Attempt = {
  readonly context: JobContext
  readonly project: string
  readonly run: KeptRun
  readonly spec: BatchScoringSpec
  readonly features: readonly string[]
  readonly processing: Processing | null
  readonly folder: string
  readonly pool: Pool
}
type Layouts = ReturnType<typeof layoutOf>
type Plan = Extracted & { readonly duplicates: number; readonly chunks: readonly Chunk[]; readonly changed: readonly number[] }

/** Rows that are scored, written and checkpointed together. */
const CHUNK_ROWS = 65_536
/** Chunks a thread takes at a time: enough to read each page of a file about once. */
const CHUNKS_PER_TASK = 4
const PROGRESS_EVERY_MS = 500

/** Runs the five steps, or what is left of them: chunks that an earlier attempt has scored are not scored again. */
export async function runPipeline(deps: PipelineDeps, given: Omit<Attempt, 'folder' | 'pool'>): Promise<void> {
  const folder = path.join(deps.folder, given.run.id)
  await fs.mkdir(folder, { recursive: true })
  const pool = createPool(deps.threads, given.context.signal)
  const attempt: Attempt = { ...given, folder, pool }
  try {
    const layouts = layoutOf(given.spec, given.features, [])
    const plan = await extractRawData(deps, attempt, layouts)
    const ready = await buildFeatures(deps, attempt)
    const stamp = await stampOf(deps, attempt, plan)
    const chunks = await runScoring(deps, attempt, { plan, stamp, ...ready })
    const staged = await writePredictions(deps, attempt, { plan, stamp })
    await validateAndPublish(deps, attempt, { plan, chunks, staged, stamp })
  } finally {
    await pool.close()
  }
}

/** Removes what a run needed while it was under way; its dead letters stay. */
export async function clearRun(folder: string, id: string): Promise<void> {
  for (const name of ['raw', 'scores', 'plan.json', 'dropped.bits'])
    await fs.rm(path.join(folder, id, name), { recursive: true, force: true })
}

export const deadLettersFile = (folder: string, id: string): string => path.join(folder, id, 'dead.jsonl')

async function extractRawData(deps: PipelineDeps, { project, run, spec, folder, pool }: Attempt, layouts: Layouts): Promise<Plan> {
  const planFile = path.join(folder, 'plan.json')
  const kept = await readPlan(planFile)
  if (kept) return kept
  const began = await deps.runs.begin(project, run.id, 'extract_raw_data', { host: deps.host, attempts: run.attempts })
  if (!began) throw new AppError('not_found', `there is no run ${run.id}`)
  for (const name of ['raw', 'scores']) await fs.rm(path.join(folder, name), { recursive: true, force: true })
  const extracted = await extract(deps, spec, layouts, { project, ds: run.ds, folder: rawFolder(folder), mostRows: null, pool })
  const rows = extracted.files.reduce((sum, file) => sum + file.rows, 0)
  if (rows < spec.source.minRows)
    throw new AppError('unavailable', `the partition has ${rows} rows and needs ${spec.source.minRows}; it may not be complete yet`)
  const { dropped, duplicates } = await pool.run('scan', { files: extracted.files, key: layouts.layout.key })
  const plan: Plan = { ...extracted, duplicates, chunks: chunksOf(extracted.files), changed: await changedAt(extracted.files) }
  await fs.writeFile(path.join(folder, 'dropped.bits'), dropped)
  await fs.writeFile(`${planFile}.new`, JSON.stringify(plan), { flush: true })
  await fs.rename(`${planFile}.new`, planFile)
  const known = { inputDigest: plan.inputDigest, duplicates, rowsIn: rows, chunks: plan.chunks.length }
  await deps.runs.finish(project, run.id, 'extract_raw_data', { rows, duplicates, files: plan.files.length }, known)
  return plan
}

/** The plan of an earlier attempt, as long as the files it was made from are what they were. */
async function readPlan(file: string): Promise<Plan | undefined> {
  const text = await fs.readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return undefined
  const plan = JSON.parse(text) as Plan
  return (await changedAt(plan.files)).join() === plan.changed.join() ? plan : undefined
}

async function changedAt(files: Extracted['files']): Promise<number[]> {
  const stats = await Promise.all(files.map(({ file }) => fs.stat(file).catch(() => null)))
  return stats.flatMap((stat) => (stat ? [stat.mtimeMs, stat.size] : [-1]))
}

function chunksOf(files: Extracted['files']): Chunk[] {
  const chunks: Chunk[] = []
  let first = 0
  for (const { file, rows } of files) {
    for (let from = 0; from < rows; from += CHUNK_ROWS)
      chunks.push({ index: chunks.length, file, from, to: Math.min(rows, from + CHUNK_ROWS), firstRow: first + from })
    first += rows
  }
  return chunks
}

type Ready = { readonly layouts: Layouts; readonly modelFile: string }

/** Fetches what features are joined from, at the digests the document pins, and the model of the pinned version. */
async function buildFeatures(deps: PipelineDeps, { project, run, spec, features }: Attempt): Promise<Ready> {
  await deps.runs.begin(project, run.id, 'build_features')
  const files = await Promise.all(spec.source.lookups.map(({ digest }) => deps.blobs.path(digest)))
  const modelFile = await deps.blobs.path(run.modelDigest)
  const layouts = layoutOf(spec, features, files)
  await deps.runs.finish(project, run.id, 'build_features', {
    pipeline: run.pipeline,
    features: features.length,
    lookups: spec.source.lookups.map(({ name, digest }) => `${name}@${digest}`).join(', '),
  })
  return { layouts, modelFile }
}

/** What the rows carry: that of the first run that computed exactly these predictions, so that computing them again gives the same bytes. */
async function stampOf(deps: PipelineDeps, { project, run, spec, processing }: Attempt, plan: Plan): Promise<Stamp> {
  const same = await deps.store.listRuns(deps.sql, { project, batch: run.batch, identity: run.identity, limit: MOST_RUNS_LOOKED_AT })
  const now = same.find(({ id }) => id === run.id) ?? run
  const first = same.findLast((one) => one.state === 'succeeded' && one.inputDigest === plan.inputDigest && one.scoredBy !== null)
  const scoredBy = now.scoredBy ?? first?.scoredBy ?? { run: run.id, at: deps.clock.now() }
  await deps.runs.begin(project, run.id, 'run_scoring', { scoredBy })
  return { version: run.version, run: scoredBy.run, atMs: scoredBy.at, threshold: thresholdOf(processing, spec.threshold) }
}
const MOST_RUNS_LOOKED_AT = 1_000

async function runScoring(
  deps: PipelineDeps,
  attempt: Attempt,
  { plan, stamp, layouts, modelFile }: Ready & { plan: Plan; stamp: Stamp },
): Promise<ChunkStats[]> {
  const { project, run, spec, folder, pool, context, features } = attempt
  const scores = path.join(folder, 'scores')
  await fs.mkdir(scores, { recursive: true })
  const dropped = await fs.readFile(path.join(folder, 'dropped.bits'))
  const done = await chunksDone(scores, plan.chunks)
  const startedMs = deps.clock.now()
  const resumed = done.size
  const report = createReport(deps, context, run.id, plan.chunks.length)
  const add = (chunk: ChunkStats) => {
    done.set(chunk.index, chunk)
    report(done)
    checkDeadLetters([...done.values()], spec.maxDeadLetters)
  }
  const failures: unknown[] = []
  const score = async (chunks: readonly Chunk[]) => {
    if (failures.length > 0) return
    await pool.run(
      'score',
      {
        chunks,
        dropped: chunks.map((chunk) => bitsOf(dropped, chunk)),
        layout: layouts.layout,
        model: { file: modelFile, features, processing: attempt.processing },
        stamp,
        form: formOf(spec.destination),
        folder: scores,
        keyName: spec.source.keyColumn,
      },
      (chunk) => {
        try {
          add(chunk)
        } catch (error) {
          failures.push(error)
        }
      },
    )
    if (failures.length > 0) throw failures[0]
  }
  await allOrFirstFailure(
    tasksOf(
      plan.chunks.filter(({ index }) => !done.has(index)),
      pool.size,
    ).map(score),
  )
  const all = plan.chunks.map(({ index }) => done.get(index)!)
  checkDeadLetters(all, spec.maxDeadLetters)
  const sums = sumsOf(all)
  await deps.runs.finish(
    project,
    run.id,
    'run_scoring',
    {
      rows: sums.rowsOut,
      durationMs: deps.clock.now() - startedMs,
      version: run.version,
      host: deps.host,
      threads: pool.size,
      chunksResumed: resumed,
    },
    { rowsOut: sums.rowsOut, deadLetters: sums.dead, positives: sums.positives, chunksDone: all.length },
  )
  return all
}

/** Waits for all, so that no thread still writes when the first failure is told. */
async function allOrFirstFailure(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === 'rejected')
  if (failed) throw failed.reason
}

/** Chunks whose counts are on disk, which are written last. */
async function chunksDone(folder: string, chunks: readonly Chunk[]): Promise<Map<number, ChunkStats>> {
  const names = new Set(await fs.readdir(folder))
  const done = chunks.filter(({ index }) => names.has(`${partName(index)}.json`))
  const stats = await Promise.all(
    done.map(async ({ index }) => JSON.parse(await fs.readFile(path.join(folder, `${partName(index)}.json`), 'utf8')) as ChunkStats),
  )
  return new Map(stats.map((one) => [one.index, one]))
}

const partName = (index: number) => String(index).padStart(6, '0')

/** Neighbours of one file together, and no task so long that the other threads wait for it at the end. */
function tasksOf(chunks: readonly Chunk[], threads: number): Chunk[][] {
  const most = Math.max(1, Math.min(CHUNKS_PER_TASK, Math.ceil(chunks.length / (threads * 2))))
  const tasks: Chunk[][] = []
  for (const chunk of chunks) {
    const task = tasks.at(-1)
    const last = task?.at(-1)
    if (task && last && task.length < most && last.file === chunk.file && last.to === chunk.from) task.push(chunk)
    else tasks.push([chunk])
  }
  return tasks
}

/** The bits of a chunk’s rows, shifted to its start; null when none is set. */
function bitsOf(dropped: Uint8Array, { firstRow, from, to }: Chunk): Uint8Array | null {
  const rows = to - from
  const bits = new Uint8Array(Math.ceil(rows / 8))
  let any = false
  for (let row = 0; row < rows; row++) {
    const at = firstRow + row
    if ((dropped[at >>> 3]! >>> (at & 7)) & 1) {
      bits[row >>> 3]! |= 1 << (row & 7)
      any = true
    }
  }
  return any ? bits : null
}

function createReport(deps: PipelineDeps, context: JobContext, run: string, chunks: number) {
  let toldMs = Number.NEGATIVE_INFINITY
  return (done: ReadonlyMap<number, ChunkStats>) => {
    if (deps.clock.now() - toldMs < PROGRESS_EVERY_MS && done.size < chunks) return
    toldMs = deps.clock.now()
    const { rowsIn, rowsOut } = sumsOf([...done.values()])
    // Progress that cannot be written costs sight only: the chunk itself is on disk.
    Promise.all([
      context.progress(done.size / chunks, `${rowsOut} rows`),
      deps.store.saveProgress(deps.sql, run, { chunks, chunksDone: done.size, rowsIn, rowsOut }),
    ]).catch((error: unknown) => deps.log.warn('batch.progress_not_written', { run, error }))
  }
}

function sumsOf(chunks: readonly ChunkStats[]) {
  const counts = emptyCounts()
  const sums = { rowsIn: 0, rowsOut: 0, dead: 0, duplicates: 0, positives: 0, nullCells: 0, cells: 0 }
  for (const chunk of chunks) {
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += chunk[name]
    for (const [bin, count] of Object.entries(chunk.histogram)) counts[Number(bin)]! += count
  }
  return { ...sums, histogram: histogramFrom(counts) }
}

function checkDeadLetters(chunks: readonly ChunkStats[], most: number): void {
  const dead = chunks.reduce((sum, chunk) => sum + chunk.dead, 0)
  if (dead > most)
    throw new AppError('invalid', `${dead} rows could not be scored; maxDeadLetters allows ${most}. See "setpoint batch list-dead-letters"`)
}

async function writePredictions(
  deps: PipelineDeps,
  { project, run, spec, folder, pool }: Attempt,
  { plan, stamp }: { plan: Plan; stamp: Stamp },
): Promise<Staged> {
  await deps.runs.begin(project, run.id, 'write_predictions')
  const parts = plan.chunks.map(({ index }) => path.join(folder, 'scores', `${partName(index)}.part`))
  const target = { project, batch: run.batch, ds: run.ds, run: run.id, keyName: spec.source.keyColumn, stamp }
  const staged = await stage(deps, spec.destination, parts, target, pool)
  await deps.runs.finish(
    project,
    run.id,
    'write_predictions',
    { destination: spec.destination.kind, digest: staged.digest },
    { outputDigest: staged.digest },
  )
  return staged
}

/** Joins the dead letters of the chunks, so that they can be read however the run ends. */
export async function gatherDeadLetters(folder: string, id: string, pool: Pool): Promise<number> {
  const scores = path.join(folder, id, 'scores')
  const names = await fs.readdir(scores).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const parts = names.filter((name) => name.endsWith('.dead')).sort()
  return (await pool.run('joinTexts', { parts: parts.map((name) => path.join(scores, name)), to: deadLettersFile(folder, id) })).lines
}

type Written = { readonly plan: Plan; readonly chunks: readonly ChunkStats[]; readonly staged: Staged; readonly stamp: Stamp }

async function validateAndPublish(
  deps: PipelineDeps,
  { context, project, run, spec, pool }: Attempt,
  { plan, chunks, staged, stamp }: Written,
): Promise<void> {
  await deps.runs.begin(project, run.id, 'validate_output')
  const sums = sumsOf(chunks)
  const before = await deps.store.partitionBefore(deps.sql, { project, batch: run.batch, ds: run.ds })
  const scorePsi = before ? psiOfScores(before.scores, sums.histogram) : null
  const known = { scorePsi, histogram: sums.histogram }
  const rowsIn = plan.files.reduce((sum, { rows }) => sum + rows, 0)
  try {
    if ((await changedAt(plan.files)).join() !== plan.changed.join())
      throw new AppError('unavailable', 'the input changed while it was scored; another attempt reads it anew')
    checkOutput(spec.validation, { ...sums, rowsIn, duplicates: plan.duplicates, scorePsi, before: before?.ds })
  } catch (error) {
    await deps.runs.note(project, run.id, known, 'the output was refused')
    await staged.discard()
    throw error
  }
  await gatherDeadLetters(deps.folder, run.id, pool)
  await context.heartbeat()
  await staged.publish()
  await placeDeadLetters(deadLettersFile(deps.folder, run.id), staged.deadLetters, sums.dead)
  const partition = {
    batch: run.batch,
    ds: run.ds,
    location: staged.location,
    run: run.id,
    model: run.model,
    version: run.version,
    rows: sums.rowsOut,
    digest: staged.digest,
    publishedAt: deps.clock.now(),
    scores: sums.histogram as ScoreHistogram,
  }
  const found = { ...known, location: staged.location, scoredBy: { run: stamp.run, at: stamp.atMs } }
  await deps.runs.publish(context, project, run.id, found, partition)
}

/** Beside the predictions lie the dead letters of the same run, or none. */
async function placeDeadLetters(from: string, to: string, count: number): Promise<void> {
  if (count === 0) return await fs.rm(to, { force: true })
  await fs.mkdir(path.dirname(to), { recursive: true })
  await fs.copyFile(from, `${to}.new`)
  await fs.rename(`${to}.new`, to)
}
