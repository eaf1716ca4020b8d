import fs from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { parse } from 'yaml'
import { usageError } from '../failures.ts'
import type { MetricPoint, Pair, Source, SourceFile, SourceModel, SourceRegistered, SourceRun, SourceVersion } from './source.ts'

type Meta = Readonly<Record<string, unknown>>

const runStatuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']
const modelStatuses = ['PENDING', 'READY', 'FAILED']

/** Reads a folder that MLflow’s file store wrote, usually `mlruns`. Throws a usage error when it is none. */
export function createFolderSource(root: string): Source {
  if (!fs.existsSync(root)) throw usageError(`there is no folder ${root}`)
  const experimentFolder = (id: string) => path.join(root, path.basename(id))

  return {
    async experiments() {
      const found = []
      for (const id of await foldersIn(root)) {
        const meta = await metaOf(path.join(root, id))
        if (!meta || id === 'models' || id === '.trash' || isDeleted(meta)) continue
        found.push({ id, name: text(meta.name), tags: await pairsIn(path.join(root, id, 'tags')) })
      }
      if (found.length === 0) throw usageError(`${root} holds no experiment: give the folder that MLflow wrote, usually mlruns`)
      return found
    },
    async *runs(experimentId) {
      for (const id of await foldersIn(experimentFolder(experimentId))) {
        const folder = path.join(experimentFolder(experimentId), id)
        const meta = await metaOf(folder)
        if (meta?.run_id !== undefined && !isDeleted(meta)) yield await runFrom(folder, id, meta)
      }
    },
    async history(experimentId, runId, key) {
      const file = path.join(experimentFolder(experimentId), path.basename(runId), 'metrics', ...key.split('/'))
      return (await readFile(file, 'utf8'))
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map(pointFrom)
    },
    async *models(experimentId) {
      const parent = path.join(experimentFolder(experimentId), 'models')
      for (const id of await foldersIn(parent)) {
        const meta = await metaOf(path.join(parent, id))
        if (meta && !isDeleted(meta)) yield await modelFrom(path.join(parent, id), id, meta)
      }
    },
    async *files(of, experimentId, id) {
      const folder = path.join(experimentFolder(experimentId), of === 'run' ? '' : 'models', path.basename(id), 'artifacts')
      for await (const file of filesBelow(folder, '')) yield file
    },
    async registered() {
      const found: SourceRegistered[] = []
      for (const name of await foldersIn(path.join(root, 'models'))) {
        const model = await registeredFrom(path.join(root, 'models', name))
        if (model) found.push(model)
      }
      return found
    },
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  if (!fs.existsSync(folder)) return []
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

async function metaOf(folder: string): Promise<Meta | undefined> {
  const file = path.join(folder, 'meta.yaml')
  return fs.existsSync(file) ? ((parse(await readFile(file, 'utf8')) as Meta | null) ?? undefined) : undefined
}

const text = (value: unknown) => (value === null || value === undefined ? '' : String(value))
const isDeleted = (meta: Meta) => meta.lifecycle_stage === 'deleted'

/** Keys are files, and a key with slashes is a file in folders. Links are not followed out of the folder. */
async function pairsIn(folder: string, prefix = ''): Promise<Pair[]> {
  if (!fs.existsSync(folder)) return []
  const pairs: Pair[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name)
    if (entry.isDirectory()) pairs.push(...(await pairsIn(at, `${prefix}${entry.name}/`)))
    else if (entry.isFile()) pairs.push({ key: prefix + entry.name, value: await readFile(at, 'utf8') })
  }
  return pairs
}

async function runFrom(folder: string, id: string, meta: Meta): Promise<SourceRun> {
  return {
    id,
    name: text(meta.run_name ?? meta.name),
    userId: text(meta.user_id),
    status: runStatuses[Number(meta.status) - 1] ?? 'FINISHED',
    startTime: Number(meta.start_time ?? 0),
    endTime: meta.end_time ? Number(meta.end_time) : null,
    params: await pairsIn(path.join(folder, 'params')),
    tags: await pairsIn(path.join(folder, 'tags')),
    metricKeys: (await pairsIn(path.join(folder, 'metrics'))).map(({ key }) => key),
    datasets: await datasetsOf(folder),
  }
}

async function datasetsOf(folder: string): Promise<object[]> {
  const found: object[] = []
  for (const input of await foldersIn(path.join(folder, 'inputs'))) {
    const link = await metaOf(path.join(folder, 'inputs', input))
    if (link?.source_type !== 'DATASET') continue
    const meta = await metaOf(path.join(path.dirname(folder), 'datasets', path.basename(text(link.source_id))))
    if (!meta) continue
    const tags = Object.entries((link.tags as Record<string, unknown> | null) ?? {}).map(([key, value]) => ({ key, value: text(value) }))
    const { name, digest, source_type, source, schema, profile } = meta
    found.push({ tags, dataset: { name, digest, source_type, source, ...(schema ? { schema } : {}), ...(profile ? { profile } : {}) } })
  }
  return found
}

/** `timestamp value [step]`, as the file store writes each point. */
function pointFrom(line: string): MetricPoint {
  const [timestamp, value, step] = line.trim().split(/\s+/)
  const named: Readonly<Record<string, string>> = { nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity' }
  return { timestamp: Number(timestamp), value: named[value!.toLowerCase()] ?? Number(value), step: Number(step ?? 0) }
}

async function modelFrom(folder: string, id: string, meta: Meta): Promise<SourceModel> {
  return {
    id,
    name: text(meta.name),
    modelType: text(meta.model_type) || null,
    sourceRunId: text(meta.source_run_id) || null,
    status: modelStatuses[Number(meta.status) - 1] ?? 'READY',
    params: await pairsIn(path.join(folder, 'params')),
    tags: await pairsIn(path.join(folder, 'tags')),
  }
}

async function* filesBelow(folder: string, prefix: string): AsyncGenerator<SourceFile> {
  if (!fs.existsSync(folder)) return
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(at, `${prefix}${entry.name}/`)
    else if (entry.isFile()) yield { path: prefix + entry.name, open: async () => fs.createReadStream(at) }
  }
}

async function registeredFrom(folder: string): Promise<SourceRegistered | undefined> {
  const meta = await metaOf(folder)
  if (!meta) return undefined
  const versions: SourceVersion[] = []
  for (const name of await foldersIn(folder)) {
    const version = /^version-\d+$/.test(name) ? await metaOf(path.join(folder, name)) : undefined
    if (!version || version.current_stage === 'Deleted_Internal') continue
    versions.push({
      version: Number(version.version),
      source: text(version.source),
      runId: text(version.run_id) || null,
      modelId: text(version.model_id) || null,
      description: text(version.description),
      stage: text(version.current_stage) || 'None',
      tags: await pairsIn(path.join(folder, name, 'tags')),
    })
  }
  const aliases = await pairsIn(path.join(folder, 'aliases'))
  return {
    name: text(meta.name),
    description: text(meta.description),
    tags: await pairsIn(path.join(folder, 'tags')),
    aliases: aliases.map(({ key, value }) => ({ alias: key, version: Number(value) })),
    versions: versions.sort((a, b) => a.version - b.version),
  }
}
