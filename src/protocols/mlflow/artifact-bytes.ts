import { AppError } from '../../contract/errors.ts'
import { limited, sendJson } from '../../infra/http/bind.ts'
import { fieldsFromQuery, readBody } from '../../infra/http/body.ts'
import { sendFile } from '../../infra/http/file-reply.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import { nameOf } from '../../lib/artifact-path.ts'
import { mediaTypeOf } from '../../lib/media-type.ts'
import { pathAt, safePath } from './artifact-paths.ts'
import { type ArtifactDeps, UPLOAD_SECRET } from './artifacts.ts'
import { fail } from './failures.ts'

/** What the protocol’s browser console may send at once. */
const CONSOLE_UPLOAD_BYTES = 10 << 20

type Deps = ArtifactDeps & { readonly uploadLimitBytes: number }

/** The calls about artifacts that carry bytes: up and down as streams, nothing held in memory. */
export function artifactRoutes({ artifacts, uploads, roots, uploadLimitBytes }: Deps): Route[] {
  async function send(exchange: Exchange, path: string): Promise<void> {
    const file = await artifacts.open(exchange.caller.project, path)
    const { sizeBytes, digest } = file
    await sendFile(exchange, { contentType: mediaTypeOf(path), filename: nameOf(file.path), sizeBytes, digest, send: file.send })
  }

  function body(exchange: Exchange) {
    const declared = Number(exchange.request.headers['content-length'] ?? 0)
    if (declared > uploadLimitBytes)
      throw new AppError('too_large', `the upload has ${declared} bytes; the limit is ${uploadLimitBytes} (SETPOINT_UPLOAD_LIMIT_BYTES)`)
    return limited(exchange.request, uploadLimitBytes)
  }

  async function take(exchange: Exchange): Promise<void> {
    await artifacts.put(exchange.caller.project, safePath(exchange.params['*'] ?? ''), body(exchange), { frees: true })
    sendJson(exchange.response, 200, {})
  }

  async function takePart(exchange: Exchange): Promise<void> {
    const { id = '', number } = exchange.params
    const secret = exchange.request.headers[UPLOAD_SECRET]
    const digest = await uploads.takePart(id, typeof secret === 'string' ? secret : '', Number(number), body(exchange))
    exchange.response.setHeader('etag', `"${digest}"`)
    sendJson(exchange.response, 200, {})
  }

  async function sendOfRun(exchange: Exchange): Promise<void> {
    const query = queryOf(exchange)
    const path = safePath(query('path'))
    await send(exchange, pathAt(await roots.ofRun(exchange.caller.project, query('run_id', 'run_uuid')), path))
  }

  async function sendOfVersion(exchange: Exchange): Promise<void> {
    const query = queryOf(exchange)
    const path = safePath(query('path'))
    await send(exchange, pathAt(await roots.ofModelVersion(exchange.caller.project, query('name'), query('version')), path))
  }

  async function sendOfLoggedModel(exchange: Exchange): Promise<void> {
    const given = fieldsFromQuery(exchange.search).artifact_file_path
    if (typeof given !== 'string' || given === '')
      throw new AppError('invalid', 'Request must include the "artifact_file_path" query parameter.', { errorCode: 'BAD_REQUEST' })
    const path = safePath(given)
    await send(exchange, pathAt(await roots.ofLoggedModel(exchange.caller.project, exchange.params.model_id!), path))
  }

  async function takeForRun(exchange: Exchange): Promise<void> {
    const { run_uuid: run, path } = fieldsFromQuery(exchange.search)
    if (typeof run !== 'string' || run === '') throw new AppError('invalid', 'Request must specify run_uuid.')
    if (typeof path !== 'string' || path === '') throw new AppError('invalid', 'Request must specify path.')
    const safe = safePath(path)
    const bytes = await readBody(exchange.request, CONSOLE_UPLOAD_BYTES).catch((thrown: unknown) => {
      if (!(thrown instanceof AppError && thrown.code === 'too_large')) throw thrown
      throw new AppError('invalid', 'Artifact size is too large. Max size is 10MB.')
    })
    if (bytes.length === 0) throw new AppError('invalid', 'Request must specify data.')
    const root = await roots.ofRun(exchange.caller.project, run)
    await artifacts.put(exchange.caller.project, pathAt(root, safe), once(bytes))
    sendJson(exchange.response, 200, {})
  }

  const down = (path: string, handle: Route['handle']): Route[] =>
    (['GET', 'HEAD'] as const).map((method) => ({ method, path, scope: 'read', handle, fail }))
  return [
    ...['/api', '/ajax-api'].flatMap((base): Route[] => [
      ...down(`${base}/2.0/mlflow-artifacts/artifacts/*`, (exchange) => send(exchange, safePath(exchange.params['*'] ?? ''))),
      { method: 'PUT', path: `${base}/2.0/mlflow-artifacts/artifacts/*`, scope: 'write', handle: take, fail },
    ]),
    // Public, for the secret of the upload stands in for a key: the client sends parts without its own.
    { method: 'PUT', path: '/api/2.0/mlflow-artifacts/mpu/part/:id/:number', scope: 'public', handle: takePart, fail },
    ...down('/get-artifact', sendOfRun),
    ...down('/model-versions/get-artifact', sendOfVersion),
    ...down('/ajax-api/2.0/mlflow/logged-models/:model_id/artifacts/files', sendOfLoggedModel),
    { method: 'POST', path: '/ajax-api/2.0/mlflow/upload-artifact', scope: 'write', handle: takeForRun, fail },
  ]
}

/** Reads one value of a query by any of its names. Throws as the protocol does when there is none. */
function queryOf(exchange: Exchange): (...names: string[]) => string {
  const fields = fieldsFromQuery(exchange.search)
  return (...names) => {
    const value = names.map((name) => fields[name]).find((one) => one !== undefined && one !== '')
    if (typeof value === 'string') return value
    throw new AppError(
      'invalid',
      `Missing value for required parameter '${names[0]}'. See the API docs for more information about request parameters.`,
    )
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
