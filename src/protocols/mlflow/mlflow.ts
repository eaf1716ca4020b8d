import type { Route } from '../../infra/http/route.ts'
import { fail, noSuchEndpoint } from './failures.ts'
import { type Rpc, routesFrom, rpc } from './rpc.ts'

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

type Deps = { readonly rpcs: readonly Rpc[]; readonly bodyLimitBytes: number }

/**
 * The tracking and registry protocol of MLflow, REST 2.0 and 3.0: `MLFLOW_TRACKING_URI` may be the server’s address, or
 * `<address>/p/<project>` for another project than the key’s own.
 */
export function mlflowRoutes({ rpcs, bodyLimitBytes }: Deps): Route[] {
  return [
    ...routesFrom([serverInfo, ...rpcs], { bodyLimitBytes }),
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
