import { sendJson } from '../../infra/http/bind.ts'
import type { Route } from '../../infra/http/route.ts'
import type { Infra } from '../../infra/open.ts'
import type { Telemetry } from '../../modules/watch/telemetry/index.ts'
import { referencePage } from './reference-page.ts'

type Deps = { openapi: Record<string, unknown>; infra: Pick<Infra, 'sql' | 'columns' | 'spool'>; telemetry: Telemetry }

/** What orchestrators and people ask of any server: is it alive, is it ready, what can it do. */
export function systemRoutes({ openapi, infra, telemetry }: Deps): Route[] {
  const page = Buffer.from(referencePage(openapi))
  const live: Route = {
    method: 'GET',
    path: '/healthz',
    scope: 'public',
    handle: ({ response }) => sendJson(response, 200, { status: 'ok' }),
  }
  const ready: Route = {
    method: 'GET',
    path: '/readyz',
    scope: 'public',
    async handle({ response }) {
      const [sql, columns] = [await infra.sql.health(), await infra.columns.health()]
      const moving = telemetry.health()
      const ok = sql.status === 'ok'
      // Telemetry that waits on disk degrades what is seen, not what is served.
      const status = !ok ? 'down' : columns.up && moving.failures === 0 ? 'ok' : 'degraded'
      sendJson(response, ok ? 200 : 503, {
        status,
        metadata: sql.status,
        telemetry: columns.up ? 'ok' : 'down',
        queuedSegments: moving.queuedSegments,
      })
    },
  }
  return [
    live,
    ready,
    { method: 'GET', path: '/openapi.json', scope: 'public', handle: ({ response }) => sendJson(response, 200, openapi) },
    {
      method: 'GET',
      path: '/reference',
      scope: 'public',
      handle: ({ response }) =>
        void response
          .writeHead(200, {
            'content-type': 'text/html; charset=utf-8',
            'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
          })
          .end(page),
    },
  ]
}
