import { folderFromArtifactUri } from '../lib/artifact-uri.ts'
import type { Artifacts } from '../modules/models/artifacts/index.ts'
import type { Origin, Places } from '../modules/models/registry/index.ts'
import type { Runs } from '../modules/models/runs/index.ts'

type Run = NonNullable<Awaited<ReturnType<Runs['run']>>>

const COMMIT_TAG = 'mlflow.source.git.commit'
const USER_TAG = 'mlflow.user'

/**
 * A version is registered from a run, a logged model or a folder → what made it is read from the run (commit, data, owner,
 * metrics) and what it holds from the files, so that whoever registers need not say it again.
 */
export function versionOrigins({ runs, artifacts }: { runs: Runs; artifacts: Artifacts }): Places {
  async function run(project: string, runId: string): Promise<Origin | undefined> {
    const found = await runs.run(project, runId)
    return found && originOf(found)
  }
  return {
    run,
    async loggedModel(project, modelId) {
      const model = await runs.loggedModel(project, modelId)
      if (!model) return undefined
      const source = model.sourceRunId === null ? undefined : await run(project, model.sourceRunId)
      const metrics = Object.fromEntries(model.metrics.map(({ key, value }) => [key, value]).filter(hasFiniteValue))
      return {
        ...(source ?? nothingKnown),
        artifactUri: model.artifactLocation,
        runId: model.sourceRunId,
        metrics: Object.keys(metrics).length > 0 ? metrics : (source?.metrics ?? {}),
      }
    },
    async inspect(project, uri) {
      const folder = folderFromArtifactUri(uri)
      // The root is no folder of one model: what lies in it belongs to every run of the project.
      if (folder === undefined || folder === '' || !(await holdsFiles(artifacts, project, folder))) return undefined
      return { ...(await artifacts.inspect(project, folder)), tree: await artifacts.freeze(project, folder) }
    },
  }
}

async function holdsFiles(artifacts: Artifacts, project: string, path: string): Promise<boolean> {
  for await (const _ of artifacts.walk(project, path)) return true
  return (await artifacts.stat(project, path))?.isFolder === false
}

const nothingKnown = { owner: null, commit: null, dataSnapshot: null, metrics: {} }

function originOf({ info, tags, datasets, metrics }: Run): Origin {
  const tag = (key: string) => tags.find((one) => one.key === key)?.value ?? null
  const dataset = datasets[0]?.dataset
  return {
    artifactUri: info.artifactUri,
    runId: info.id,
    owner: tag('owner') ?? tag(USER_TAG) ?? (info.userId || null),
    commit: tag(COMMIT_TAG),
    dataSnapshot: dataset ? `${dataset.name}@${dataset.digest}` : null,
    metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, value] as const).filter(hasFiniteValue)),
  }
}

function hasFiniteValue(entry: readonly (string | number)[]): boolean {
  return Number.isFinite(entry[1])
}
