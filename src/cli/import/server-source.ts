import type { Pair, Source, SourceFile, SourceModel, SourceRegistered, SourceRun, SourceVersion } from './source.ts'
import { quoted, type Wire } from './wire.ts'

const PAGE = 1_000
const MOST_FOLDERS_DEEP = 64

type WireRun = {
  info: { run_id: string; run_name?: string; user_id?: string; status: string; start_time?: number; end_time?: number }
  data?: { params?: Pair[]; tags?: Pair[]; metrics?: { key: string }[] }
  inputs?: { dataset_inputs?: object[] }
}
type WireModel = {
  info: { model_id: string; name?: string; model_type?: string; source_run_id?: string; status: string; tags?: Pair[] }
  data?: { params?: Pair[] }
}
type WireVersion = {
  version: string
  source?: string
  run_id?: string
  model_id?: string
  description?: string
  current_stage?: string
  tags?: Pair[]
}
type WireRegistered = { name: string; description?: string; tags?: Pair[]; aliases?: { alias: string; version: string }[] }
type Listed = { path: string; is_dir?: boolean }

/** Reads what a server that speaks the MLflow protocol has, page by page. */
export function createServerSource(wire: Wire): Source {
  return {
    async experiments() {
      const found: { experiment_id: string; name: string; tags?: Pair[] }[] = []
      const search = (page_token?: string) =>
        wire.send<Page<'experiments', (typeof found)[number]>>('POST', 'experiments/search', { max_results: PAGE, page_token })
      for await (const page of pages(search)) found.push(...(page.experiments ?? []))
      return found.map(({ experiment_id, name, tags = [] }) => ({ id: experiment_id, name, tags }))
    },
    async *runs(experimentId) {
      const search = (page_token?: string) =>
        wire.send<Page<'runs', WireRun>>('POST', 'runs/search', {
          experiment_ids: [experimentId],
          max_results: PAGE,
          order_by: ['attributes.start_time ASC'],
          page_token,
        })
      for await (const page of pages(search)) for (const run of page.runs ?? []) yield runFrom(run)
    },
    async history(_experimentId, run_id, metric_key) {
      const points: { value: number | string; timestamp: number; step?: number }[] = []
      const read = (page_token?: string) =>
        wire.get<Page<'metrics', (typeof points)[number]>>('metrics/get-history', { run_id, metric_key, max_results: 25_000, page_token })
      for await (const page of pages(read)) points.push(...(page.metrics ?? []))
      return points.map(({ value, timestamp, step = 0 }) => ({ value, timestamp: Number(timestamp), step: Number(step) }))
    },
    async *models(experimentId) {
      const search = (page_token?: string) =>
        wire.send<Page<'models', WireModel>>('POST', 'logged-models/search', {
          experiment_ids: [experimentId],
          max_results: 50,
          page_token,
        })
      for await (const page of pages(search)) for (const model of page.models ?? []) yield modelFrom(model)
    },
    files: (of, _experimentId, id) => (of === 'run' ? filesOfRun(wire, id, '', 0) : filesOfModel(wire, id, '', 0)),
    async registered() {
      const found = [
        ...(await registeredModels(wire, undefined)),
        ...(await registeredModels(wire, "tags.`mlflow.prompt.is_prompt` = 'true'")),
      ]
      const all: SourceRegistered[] = []
      for (const model of found) all.push(await withVersions(wire, model))
      return all
    },
  }
}

type Page<K extends string, T> = { readonly [P in K]?: T[] } & { readonly next_page_token?: string }

async function* pages<P extends { readonly next_page_token?: string }>(read: (token?: string) => Promise<P>): AsyncGenerator<P> {
  for (let token: string | undefined; ; ) {
    const page = await read(token)
    yield page
    token = page.next_page_token
    if (!token) return
  }
}

function runFrom({ info, data = {}, inputs }: WireRun): SourceRun {
  return {
    id: info.run_id,
    name: info.run_name ?? '',
    userId: info.user_id ?? '',
    status: info.status,
    startTime: Number(info.start_time ?? 0),
    endTime: info.end_time ? Number(info.end_time) : null,
    params: data.params ?? [],
    tags: data.tags ?? [],
    metricKeys: (data.metrics ?? []).map(({ key }) => key),
    datasets: inputs?.dataset_inputs ?? [],
  }
}

function modelFrom({ info, data }: WireModel): SourceModel {
  return {
    id: info.model_id,
    name: info.name ?? '',
    modelType: info.model_type || null,
    sourceRunId: info.source_run_id || null,
    status: info.status.replace('LOGGED_MODEL_', ''),
    params: data?.params ?? [],
    tags: info.tags ?? [],
  }
}

async function* filesOfRun(wire: Wire, run_id: string, folder: string, depth: number): AsyncGenerator<SourceFile> {
  const { files = [] } = await wire.get<{ files?: Listed[] }>('artifacts/list', { run_id, path: folder || undefined })
  for (const { path, is_dir } of files) {
    if (!is_dir) yield { path, open: () => wire.download('/get-artifact', { run_id, path }) }
    else if (depth < MOST_FOLDERS_DEEP) yield* filesOfRun(wire, run_id, path, depth + 1)
  }
}

async function* filesOfModel(wire: Wire, id: string, folder: string, depth: number): AsyncGenerator<SourceFile> {
  const { files = [] } = await wire.get<{ files?: Listed[] }>(`logged-models/${id}/artifacts/directories`, {
    artifact_directory_path: folder || undefined,
  })
  for (const { path, is_dir } of files) {
    const query = { artifact_file_path: path }
    if (!is_dir) yield { path, open: () => wire.download(`/ajax-api/2.0/mlflow/logged-models/${id}/artifacts/files`, query) }
    else if (depth < MOST_FOLDERS_DEEP) yield* filesOfModel(wire, id, path, depth + 1)
  }
}

async function registeredModels(wire: Wire, filter: string | undefined): Promise<WireRegistered[]> {
  const found: WireRegistered[] = []
  const search = (page_token?: string) =>
    wire.get<Page<'registered_models', WireRegistered>>('registered-models/search', { filter, max_results: PAGE, page_token })
  for await (const page of pages(search)) found.push(...(page.registered_models ?? []))
  return found
}

async function withVersions(wire: Wire, model: WireRegistered): Promise<SourceRegistered> {
  const { name, description = '', tags = [], aliases = [] } = model
  const prompt = tags.some(({ key, value }) => key === 'mlflow.prompt.is_prompt' && value === 'true')
  const filter = `name = ${quoted(name)}${prompt ? " AND tags.`mlflow.prompt.is_prompt` = 'true'" : ''}`
  const found: WireVersion[] = []
  const search = (page_token?: string) =>
    wire.get<Page<'model_versions', WireVersion>>('model-versions/search', { filter, max_results: 10_000, page_token })
  for await (const page of pages(search)) found.push(...(page.model_versions ?? []))
  return {
    name,
    description,
    tags,
    aliases: aliases.map(({ alias, version }) => ({ alias, version: Number(version) })),
    versions: found.map(versionFrom).sort((a, b) => a.version - b.version),
  }
}

function versionFrom({
  version,
  source = '',
  run_id,
  model_id,
  description = '',
  current_stage = 'None',
  tags = [],
}: WireVersion): SourceVersion {
  return { version: Number(version), source, runId: run_id || null, modelId: model_id || null, description, stage: current_stage, tags }
}
