import { createHash } from 'node:crypto'
import type { MetricPoint, Pair, SourceExperiment, SourceModel, SourceRegistered, SourceRun, SourceVersion } from './source.ts'
import { quoted, type Wire } from './wire.ts'

/** Where an imported thing came from, and whether all of it was checked: what makes an import resumable. */
const SOURCE_TAG = 'setpoint.import.source'
const CHECKED_TAG = 'setpoint.import.checked'
const VERSION_TAG = 'setpoint.import.version'

const MOST_METRICS = 1_000
const MOST_PAIRS = 100
const MOST_PARAM_CHARACTERS = 6_000

export type Imported = { readonly id: string; readonly root: string; readonly checked: boolean }
type WireRun = { info: { run_id: string; artifact_uri: string }; data?: { params?: Pair[]; tags?: Pair[] } }
type WireModel = { info: { model_id: string; artifact_uri: string; tags?: Pair[] } }

/** Writes what an import brings. Everything may be written twice and is there once. */
export function createTarget(wire: Wire) {
  async function findRun(experimentId: string, sourceId: string): Promise<WireRun | undefined> {
    const filter = `tags.\`${SOURCE_TAG}\` = ${quoted(sourceId)}`
    const { runs = [] } = await wire.send<{ runs?: WireRun[] }>('POST', 'runs/search', {
      experiment_ids: [experimentId],
      filter,
      max_results: 1,
    })
    return runs[0]
  }

  return {
    async experiment({ name, tags }: SourceExperiment): Promise<string> {
      const found = await wire.find<{ experiment: { experiment_id: string } }>('experiments/get-by-name', { experiment_name: name })
      if (found) return found.experiment.experiment_id
      return (await wire.send<{ experiment_id: string }>('POST', 'experiments/create', { name, tags })).experiment_id
    },
    /** Makes a run, or finds the one an import made of the same source before. */
    async run(experimentId: string, source: SourceRun): Promise<Imported> {
      const found = await findRun(experimentId, source.id)
      const { info, data } =
        found ??
        (
          await wire.send<{ run: WireRun }>('POST', 'runs/create', {
            experiment_id: experimentId,
            run_name: source.name,
            user_id: source.userId,
            start_time: source.startTime,
            tags: [{ key: SOURCE_TAG, value: source.id }],
          })
        ).run
      return { id: info.run_id, root: info.artifact_uri, checked: data?.tags?.some(({ key }) => key === CHECKED_TAG) ?? false }
    },
    async logPairs(run_id: string, params: readonly Pair[], tags: readonly Pair[]): Promise<void> {
      const short = params.map(({ key, value }) => ({ key, value: value.slice(0, MOST_PARAM_CHARACTERS) }))
      for (const part of parts(short, MOST_PAIRS)) await wire.send('POST', 'runs/log-batch', { run_id, params: part })
      for (const part of parts(foreign(tags), MOST_PAIRS)) await wire.send('POST', 'runs/log-batch', { run_id, tags: part })
    },
    async logHistory(run_id: string, key: string, points: readonly MetricPoint[]): Promise<void> {
      const metrics = points.map((point) => ({ key, ...point }))
      for (const part of parts(metrics, MOST_METRICS)) await wire.send('POST', 'runs/log-batch', { run_id, metrics: part })
    },
    async logDatasets(run_id: string, datasets: readonly object[]): Promise<void> {
      if (datasets.length > 0) await wire.send('POST', 'runs/log-inputs', { run_id, datasets })
    },
    async historyLength(run_id: string, metric_key: string): Promise<number> {
      let count = 0
      for (let page_token: string | undefined; ; ) {
        const page = await wire.get<{ metrics?: object[]; next_page_token?: string }>('metrics/get-history', {
          run_id,
          metric_key,
          max_results: 25_000,
          page_token,
        })
        count += page.metrics?.length ?? 0
        page_token = page.next_page_token
        if (!page_token) return count
      }
    },
    async runAsStored(run_id: string): Promise<WireRun> {
      return (await wire.get<{ run: WireRun }>('runs/get', { run_id })).run
    },
    /** Ends a run as it ended there, and notes that all of it was checked. */
    async endRun(run_id: string, { status, endTime, name }: SourceRun): Promise<void> {
      const end = endTime === null ? {} : { end_time: endTime }
      await wire.send('POST', 'runs/update', { run_id, status, ...end, ...(name && { run_name: name }) })
      await wire.send('POST', 'runs/set-tag', { run_id, key: CHECKED_TAG, value: 'true' })
    },
    async model(experiment_id: string, source: SourceModel, source_run_id: string | undefined): Promise<Imported> {
      const filter = `tags.\`${SOURCE_TAG}\` = ${quoted(source.id)}`
      const { models = [] } = await wire.send<{ models?: WireModel[] }>('POST', 'logged-models/search', {
        experiment_ids: [experiment_id],
        filter,
        max_results: 1,
      })
      const { info } =
        models[0] ??
        (
          await wire.send<{ model: WireModel }>('POST', 'logged-models', {
            experiment_id,
            name: source.name,
            model_type: source.modelType ?? undefined,
            source_run_id,
            params: source.params,
            tags: [...foreign(source.tags).filter(({ key }) => key !== 'mlflow.modelVersions'), { key: SOURCE_TAG, value: source.id }],
          })
        ).model
      return { id: info.model_id, root: info.artifact_uri, checked: info.tags?.some(({ key }) => key === CHECKED_TAG) ?? false }
    },
    async endModel(id: string, { status }: SourceModel): Promise<void> {
      if (status !== 'PENDING') await wire.send('PATCH', `logged-models/${id}`, { model_id: id, status: `LOGGED_MODEL_${status}` })
      await wire.send('PATCH', `logged-models/${id}/tags`, { model_id: id, tags: [{ key: CHECKED_TAG, value: 'true' }] })
    },
    /** Stores a file below an artifact root; answers its size and whether the server holds what was sent. */
    async file(root: string, path: string, stream: AsyncIterable<Uint8Array>): Promise<{ sizeBytes: number; same: boolean }> {
      const at = `/api/2.0/mlflow-artifacts/artifacts/${encoded(`${root.replace(/^mlflow-artifacts:\/+/, '')}/${path}`)}`
      let sizeBytes = 0
      const counted = (async function* () {
        for await (const chunk of stream) {
          sizeBytes += chunk.length
          yield chunk
        }
      })()
      const { stream: hashed, digest } = hashing(counted)
      await wire.upload(at, hashed)
      return { sizeBytes, same: (await wire.digestOf(at)) === digest() }
    },
    async registeredModel({ name, description, tags }: SourceRegistered): Promise<ReadonlySet<number>> {
      const prompt = tags.some(({ key, value }) => key === 'mlflow.prompt.is_prompt' && value === 'true')
      const extra = prompt ? " AND tags.`mlflow.prompt.is_prompt` = 'true'" : ''
      if (!(await wire.find('registered-models/get', { name })))
        await wire.send('POST', 'registered-models/create', { name, description, tags })
      const { model_versions = [] } = await wire.get<{ model_versions?: { tags?: Pair[] }[] }>('model-versions/search', {
        filter: `name = ${quoted(name)}${extra}`,
      })
      const numbers = model_versions.flatMap((version) => version.tags?.filter(({ key }) => key === VERSION_TAG) ?? [])
      return new Set(numbers.map(({ value }) => Number(value)))
    },
    async version(name: string, version: SourceVersion, from: { source: string; run_id?: string; model_id?: string }): Promise<string> {
      const tags = [...foreign(version.tags), { key: VERSION_TAG, value: String(version.version) }]
      const { model_version } = await wire.send<{ model_version: { version: string } }>('POST', 'model-versions/create', {
        name,
        ...from,
        description: version.description,
        tags,
      })
      const { stage } = version
      if (stage !== 'None') await wire.send('POST', 'model-versions/transition-stage', { name, version: model_version.version, stage })
      return model_version.version
    },
    async alias(name: string, alias: string, sourceVersion: number): Promise<boolean> {
      const { model_versions = [] } = await wire.get<{ model_versions?: { version: string }[] }>('model-versions/search', {
        filter: `name = ${quoted(name)} AND tags.\`${VERSION_TAG}\` = '${sourceVersion}'`,
      })
      if (!model_versions[0]) return false
      await wire.send('POST', 'registered-models/alias', { name, alias, version: model_versions[0].version })
      return true
    },
  }
}
export type Target = ReturnType<typeof createTarget>

/** Tags without the marks of an earlier import. */
function foreign(tags: readonly Pair[]): readonly Pair[] {
  return tags.filter(({ key }) => !key.startsWith('setpoint.import.'))
}

function* parts<T>(items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/** Hex SHA-256 of a stream that is passed on; the digest is known when the stream has ended. */
function hashing(stream: AsyncIterable<Uint8Array>): { readonly stream: AsyncIterable<Uint8Array>; digest(): string } {
  const hash = createHash('sha256')
  async function* passed() {
    for await (const chunk of stream) {
      hash.update(chunk)
      yield chunk
    }
  }
  return { stream: passed(), digest: () => hash.digest('hex') }
}
