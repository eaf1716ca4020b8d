import { AppError } from '../../contract/errors.ts'
import { fieldsFromQuery } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import type { Traces } from '../../modules/watch/traces/index.ts'
import { fail } from './failures.ts'
import { spanInFile } from './trace-messages.ts'

const FILE_NAME = 'traces.json'

/** The spans of a trace as the file that clients of the protocol read, with those that have come so far. */
export function traceFileRoutes({ traces }: { readonly traces: Traces }): Route[] {
  async function handle({ search, response, caller }: Exchange): Promise<void> {
    const { request_id: id } = fieldsFromQuery(search)
    if (typeof id !== 'string' || id === '')
      throw new AppError('invalid', 'Request must include the "request_id" query parameter.', { errorCode: 'BAD_REQUEST' })
    const [found] = await traces.read([id], caller)
    if (!found) throw new AppError('not_found', `Trace with ID ${id} is not found.`, { trace: id })
    const body = JSON.stringify({ spans: found.spans.map(spanInFile) })
    response
      .writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename=${FILE_NAME}`,
        'x-content-type-options': 'nosniff',
        'content-length': Buffer.byteLength(body),
      })
      .end(body)
  }
  const path = '/ajax-api/2.0/mlflow/get-trace-artifact'
  return [path, path.replace('/ajax-api', '/api')].map((path): Route => ({ method: 'GET', path, scope: 'read', handle, fail }))
}
