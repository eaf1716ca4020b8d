import type { Source, SourceFile, SourceModel, SourceRegistered, SourceRun } from './source.ts'
import type { Target } from './target.ts'

/** How much was brought, and everything that could not be. */
export type Tally = {
  experiments: number
  runs: number
  /** Were there and checked already. */
  skipped: number
  metricPoints: number
  models: number
  files: number
  bytes: number
  registeredModels: number
  versions: number
  aliases: number
  readonly problems: string[]
}
export type Watcher = { moved(tally: Readonly<Tally>, now: string): void; readonly signal: AbortSignal }

const emptyTally = (): Tally => ({
  experiments: 0,
  runs: 0,
  skipped: 0,
  metricPoints: 0,
  models: 0,
  files: 0,
  bytes: 0,
  registeredModels: 0,
  versions: 0,
  aliases: 0,
  problems: [],
})

/** Source id → id here, of runs and logged models. */
type Places = { readonly runs: Map<string, string>; readonly models: Map<string, string> }

/** Brings everything a source has. Stops between two things when `watcher.signal` aborts; the next import goes on there. */
export async function importAll(source: Source, target: Target, watcher: Watcher): Promise<Tally> {
  const tally = emptyTally()
  const places: Places = { runs: new Map(), models: new Map() }
  for (const experiment of await source.experiments()) {
    if (watcher.signal.aborted) return tally
    const id = await target.experiment(experiment)
    tally.experiments += 1
    for await (const run of source.runs(experiment.id)) {
      if (watcher.signal.aborted) return tally
      watcher.moved(tally, `${experiment.name} · ${run.name || run.id}`)
      places.runs.set(run.id, await importRun(source, target, tally, { from: experiment.id, to: id, run }))
    }
    for await (const model of source.models(experiment.id)) {
      if (watcher.signal.aborted) return tally
      watcher.moved(tally, `${experiment.name} · ${model.name || model.id}`)
      places.models.set(model.id, await importModel(source, target, tally, { from: experiment.id, to: id, model, places }))
    }
  }
  for (const model of await source.registered()) {
    if (watcher.signal.aborted) return tally
    watcher.moved(tally, model.name)
    await importRegistered(target, tally, model, places)
  }
  return tally
}

/** Counts what an import would bring, and writes nothing. */
export async function countAll(source: Source, watcher: Watcher): Promise<Tally> {
  const tally = emptyTally()
  for (const experiment of await source.experiments()) {
    tally.experiments += 1
    watcher.moved(tally, experiment.name)
    for await (const run of source.runs(experiment.id)) {
      tally.runs += 1
      for await (const _file of source.files('run', experiment.id, run.id)) tally.files += 1
    }
    for await (const model of source.models(experiment.id)) {
      tally.models += 1
      for await (const _file of source.files('model', experiment.id, model.id)) tally.files += 1
    }
  }
  for (const { versions, aliases } of await source.registered()) {
    tally.registeredModels += 1
    tally.versions += versions.length
    tally.aliases += aliases.length
  }
  return tally
}

async function importRun(
  source: Source,
  target: Target,
  tally: Tally,
  { from, to, run }: { from: string; to: string; run: SourceRun },
): Promise<string> {
  const { id, root, checked } = await target.run(to, run)
  if (checked) {
    tally.skipped += 1
    return id
  }
  const problems: string[] = []
  await target.logPairs(id, run.params, run.tags)
  for (const key of run.metricKeys) {
    const points = await source.history(from, run.id, key)
    await target.logHistory(id, key, points)
    const expected = new Set(points.map(({ timestamp, step, value }) => `${timestamp} ${step} ${value}`)).size
    const stored = await target.historyLength(id, key)
    if (stored !== expected) problems.push(`metric ${key}: ${stored} of ${expected} points arrived`)
    tally.metricPoints += expected
  }
  await target.logDatasets(id, run.datasets)
  problems.push(...(await importFiles(target, tally, root, source.files('run', from, run.id))))
  const { data } = await target.runAsStored(id)
  if ((data?.params?.length ?? 0) !== run.params.length)
    problems.push(`${data?.params?.length ?? 0} of ${run.params.length} params arrived`)
  if (problems.length === 0) await target.endRun(id, run)
  tally.problems.push(...problems.map((problem) => `run ${run.id}: ${problem}`))
  tally.runs += 1
  return id
}

async function importModel(
  source: Source,
  target: Target,
  tally: Tally,
  { from, to, model, places }: { from: string; to: string; model: SourceModel; places: Places },
): Promise<string> {
  const { id, root, checked } = await target.model(to, model, model.sourceRunId === null ? undefined : places.runs.get(model.sourceRunId))
  if (checked) {
    tally.skipped += 1
    return id
  }
  const problems = await importFiles(target, tally, root, source.files('model', from, model.id))
  if (problems.length === 0) await target.endModel(id, model)
  tally.problems.push(...problems.map((problem) => `model ${model.id}: ${problem}`))
  tally.models += 1
  return id
}

async function importFiles(target: Target, tally: Tally, root: string, files: AsyncIterable<SourceFile>): Promise<string[]> {
  const problems: string[] = []
  for await (const file of files) {
    const { sizeBytes, same } = await target.file(root, file.path, await file.open())
    if (!same) problems.push(`file ${file.path}: what the server holds is not what was sent`)
    tally.files += 1
    tally.bytes += sizeBytes
  }
  return problems
}

async function importRegistered(target: Target, tally: Tally, model: SourceRegistered, places: Places): Promise<void> {
  const there = await target.registeredModel(model)
  tally.registeredModels += 1
  for (const version of model.versions) {
    if (there.has(version.version)) {
      tally.skipped += 1
      continue
    }
    const runId = version.runId === null ? undefined : places.runs.get(version.runId)
    const modelId = version.modelId === null ? undefined : places.models.get(version.modelId)
    const source = sourceHere(version.source, places)
    const number = await target.version(model.name, version, {
      source,
      ...(runId && { run_id: runId }),
      ...(modelId && { model_id: modelId }),
    })
    if (number !== String(version.version)) tally.problems.push(`model ${model.name}: version ${version.version} is version ${number} here`)
    tally.versions += 1
  }
  for (const { alias, version } of model.aliases) if (await target.alias(model.name, alias, version)) tally.aliases += 1
}

/** The place here of what a version was made from there: by the id of its run or logged model, wherever that stands in it. */
function sourceHere(source: string, { runs, models }: Places): string {
  const logged = /(?:^models:\/|\/models\/)(m-[0-9a-f]{32})/.exec(source)?.[1]
  const model = logged && models.get(logged)
  if (model) return `models:/${model}`
  const [, runId = '', path = ''] =
    /^runs:\/([0-9a-f]{32})\/?(.*)$/.exec(source) ?? /\/([0-9a-f]{32})\/artifacts\/?(.*)$/.exec(source) ?? []
  const run = runs.get(runId)
  return run ? `runs:/${run}/${path}` : source
}
