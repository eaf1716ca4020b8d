import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../../infra/clock.ts'
import type { Route } from '../../infra/http/route.ts'
import type { Artifacts, Uploads } from '../../modules/models/artifacts/index.ts'
import type { Evaluations } from '../../modules/models/evaluations/index.ts'
import type { Registry } from '../../modules/models/registry/index.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import type { Webhooks } from '../../modules/models/webhooks/index.ts'
import type { Traces } from '../../modules/watch/traces/index.ts'
import { artifactRoutes } from './artifact-bytes.ts'
import { type ArtifactRoots, artifactRpcs } from './artifacts.ts'
import { evaluationRpcs } from './evaluation-datasets.ts'
import { fail, noSuchEndpoint } from './failures.ts'
import { graphqlRpcs } from './graphql.ts'
import { promptlabRpcs } from './promptlab.ts'
import { registryRpcs } from './registry.ts'
import { versionNumber } from './registry-rules.ts'
import { routesFrom, rpc } from './rpc.ts'
import { traceFileRoutes } from './trace-file.ts'
import { traceRpcs } from './traces.ts'
import { trackingRpcs } from './tracking.ts'
import { webhookRpcs } from './webhooks.ts'

/** The release whose behaviour is kept; clients choose by it what they may ask for. */
const MLFLOW_VERSION = '3.17.2'

const serverInfo = rpc({
  name: 'getServerInfo',
  method: 'GET',
  paths: ['/api/3.0/mlflow/server-info'],
  scope: 'public',
  fields: {},
  handle: async () => ({ store_type: 'SqlStore', workspaces_enabled: false }),
})

type Deps = {
  readonly registry: Registry
  readonly runs: Runs
  readonly artifacts: Artifacts
  readonly uploads: Uploads
  readonly webhooks: Webhooks
  readonly traces: Traces
  readonly evaluations: Evaluations
  readonly clock: Clock
  readonly bodyLimitBytes: number
  readonly uploadLimitBytes: number
}

/**
 * The tracking and registry protocol of MLflow, REST 2.0 and 3.0: `MLFLOW_TRACKING_URI` may be the server’s address, or
 * `<address>/p/<project>` for another project than the key’s own.
 */
export function mlflowRoutes(deps: Deps): Route[] {
  const files = { ...deps, roots: rootsOf(deps) }
  const rpcs = [
    serverInfo,
    ...trackingRpcs(deps),
    ...promptlabRpcs({ ...deps, mlflowVersion: MLFLOW_VERSION }),
    ...registryRpcs(deps),
    ...webhookRpcs(deps),
    ...artifactRpcs(files),
    ...traceRpcs(deps),
    ...evaluationRpcs(deps),
  ]
  return [
    ...artifactRoutes(files),
    ...traceFileRoutes(deps),
    ...routesFrom([...rpcs, ...graphqlRpcs(rpcs)], deps),
    { method: 'GET', path: '/health', scope: 'public', handle: ({ response }) => void response.end('OK'), fail },
    { method: 'GET', path: '/version', scope: 'public', handle: ({ response }) => void response.end(MLFLOW_VERSION), fail },
    ...['/api/2.0/*', '/api/3.0/*', '/ajax-api/*'].flatMap((path) =>
      (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).map(
        (method): Route => ({
          method,
          path,
          scope: 'public',
          handle({ request }) {
            throw noSuchEndpoint(method, request.url ?? path)
          },
          fail,
        }),
      ),
    ),
  ]
}

/** Where the files of a run, a version and a logged model lie. Each throws `not_found`. */
function rootsOf({ runs, registry }: Deps): ArtifactRoots {
  return {
    async ofRun(project, runId) {
      const run = await runs.run(project, runId)
      if (!run) throw new AppError('not_found', `Run with id=${runId} not found`)
      return run.info.artifactUri
    },
    async ofModelVersion(project, name, version) {
      const { storage, source } = await registry.version(project, name, versionNumber(version))
      return storage ?? source ?? ''
    },
    async ofLoggedModel(project, modelId) {
      const model = await runs.loggedModel(project, modelId)
      if (!model) throw new AppError('not_found', `Logged model with ID '${modelId}' not found.`)
      return model.artifactLocation
    },
  }
}
