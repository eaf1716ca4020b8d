import type { ArtifactEntry } from '../../contract/artifacts.ts'
import { AppError } from '../../contract/errors.ts'
import type { Exchange } from '../../infra/http/route.ts'
import { joinPath, nameOf } from '../../lib/artifact-path.ts'
import type { Artifacts, Uploads } from '../../modules/models/artifacts/index.ts'
import { folderAt, safePath } from './artifact-paths.ts'
import { int64, list, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'

/** Where the artifacts of other things lie, as addresses such as `mlflow-artifacts:/1/run/artifacts`. Each throws `not_found`. */
export type ArtifactRoots = {
  ofRun(project: string, runId: string): Promise<string>
  ofModelVersion(project: string, name: string, version: string): Promise<string>
  ofLoggedModel(project: string, modelId: string): Promise<string>
}

export type ArtifactDeps = { readonly artifacts: Artifacts; readonly uploads: Uploads; readonly roots: ArtifactRoots }

/** The calls about artifacts that take and answer JSON; `artifactRoutes` has those that carry bytes. */
export function artifactRpcs({ artifacts, uploads, roots }: ArtifactDeps): Rpc[] {
  /** Files of a folder under an address, by paths from that address on. */
  async function filesAt(project: string, uri: string, given: string | undefined) {
    const path = safePath(given ?? '')
    const entries = await artifacts.list(project, joinPath(folderAt(uri), path))
    return { root_uri: uri, ...filesFrom(entries, path) }
  }

  return [
    rpc({
      name: 'listProxiedArtifacts',
      method: 'GET',
      paths: ['/api/2.0/mlflow-artifacts/artifacts'],
      scope: 'read',
      fields: { path: string() },
      handle: async ({ path }, { caller }) => filesFrom(await artifacts.list(caller.project, safePath(path ?? '')), ''),
    }),
    rpc({
      name: 'deleteArtifact',
      method: 'DELETE',
      paths: ['/api/2.0/mlflow-artifacts/artifacts', '/api/2.0/mlflow-artifacts/artifacts/*'],
      scope: 'write',
      fields: { '*': string(), path: string() },
      async handle(input, { caller }) {
        await artifacts.remove(caller.project, safePath(input['*'] ?? input.path ?? ''))
        return {}
      },
    }),
    rpc({
      name: 'listArtifacts',
      method: 'GET',
      paths: ['/api/2.0/mlflow/artifacts/list'],
      scope: 'read',
      fields: { run_id: string(), run_uuid: string(), path: string(), page_token: string() },
      async handle({ run_id, run_uuid, path }, { caller }) {
        const safe = safePath(path ?? '')
        const run = run_id || run_uuid
        if (!run) throw missing('run_id')
        return await filesAt(caller.project, await roots.ofRun(caller.project, run), safe)
      },
    }),
    rpc({
      name: 'listLoggedModelArtifacts',
      method: 'GET',
      paths: ['/api/2.0/mlflow/logged-models/:model_id/artifacts/directories'],
      scope: 'read',
      fields: { model_id: string({ required: true }), artifact_directory_path: string(), page_token: string() },
      async handle({ model_id, artifact_directory_path }, { caller }) {
        const safe = safePath(artifact_directory_path ?? '')
        return await filesAt(caller.project, await roots.ofLoggedModel(caller.project, model_id), safe)
      },
    }),
    ...uploadRpcs(uploads),
    ...presignRpcs(roots),
  ]
}

function filesFrom(entries: readonly ArtifactEntry[], folder: string) {
  const files = entries.map((entry) => {
    const path = joinPath(folder, nameOf(entry.path))
    return entry.isFolder ? { path, is_dir: true } : { path, is_dir: false, file_size: entry.sizeBytes }
  })
  return files.length === 0 ? {} : { files }
}

const mpu = '/api/2.0/mlflow-artifacts/mpu'
const mpuPaths = (step: string) => [`${mpu}/${step}`, `${mpu}/${step}/*`]

/** Large files in parts: the client asks for addresses to send them to, sends them, and says when it is done. */
function uploadRpcs(uploads: Uploads): Rpc[] {
  const fields = { '*': string(), path: string({ required: true }), upload_id: string() }
  /** The client names its own local file; only the last name of that counts. */
  const targetOf = (input: { '*'?: string; path: string }) =>
    safePath(joinPath(safePath(input['*'] ?? ''), input.path.split(/[/\\]/).at(-1) ?? ''))
  return [
    rpc({
      name: 'createMultipartUpload',
      method: 'POST',
      paths: mpuPaths('create'),
      scope: 'write',
      fields: { ...fields, num_parts: int64() },
      async handle(input, exchange) {
        const count = input.num_parts ?? 1
        const { id, secret } = await uploads.begin(exchange.caller.project, targetOf(input), count)
        const base = `${originOf(exchange)}${mpu}/part/${id}`
        const credentials = Array.from({ length: count }, (_, i) => ({
          url: `${base}/${i + 1}`,
          part_number: i + 1,
          headers: { [UPLOAD_SECRET]: secret },
        }))
        return { upload_id: id, credentials }
      },
    }),
    rpc({
      name: 'completeMultipartUpload',
      method: 'POST',
      paths: mpuPaths('complete'),
      scope: 'write',
      fields: { ...fields, parts: list(message({ part_number: int64({ required: true }), etag: string(), url: string() })) },
      async handle(input, { caller }) {
        if (!input.upload_id) throw missing('upload_id')
        if (!input.parts?.length) throw missing('parts')
        const parts = input.parts.map((part) => ({ number: part.part_number, digest: (part.etag ?? '').replaceAll('"', '') }))
        await uploads.complete(caller.project, input.upload_id, targetOf(input), parts)
        return {}
      },
    }),
    rpc({
      name: 'abortMultipartUpload',
      method: 'POST',
      paths: mpuPaths('abort'),
      scope: 'write',
      fields,
      async handle(input, { caller }) {
        if (!input.upload_id) throw missing('upload_id')
        await uploads.abort(caller.project, input.upload_id)
        return {}
      },
    }),
  ]
}

/** The header that lets whoever began an upload send its parts. */
export const UPLOAD_SECRET = 'x-setpoint-upload'

/** The address the client reached this server by, also through a proxy that ends TLS. */
function originOf({ request }: Exchange): string {
  const forwarded = request.headers['x-forwarded-proto']
  const scheme = typeof forwarded === 'string' && /^https\b/.test(forwarded) ? 'https' : 'http'
  return `${scheme}://${request.headers.host ?? 'localhost'}`
}

/** Addresses into a store that the client could reach by itself: there is none, and the client then comes through here. */
function presignRpcs(roots: ArtifactRoots): Rpc[] {
  const proxied = (direction: 'upload' | 'download', uri: string) =>
    new AppError(
      'invalid',
      `Presigned ${direction} is not supported for proxied artifact storage (artifact URI scheme: ${uri.split(':')[0]}). This endpoint requires a direct cloud storage artifact URI; use the artifact proxy instead`,
    )
  return [
    rpc({
      name: 'getPresignedDownloadUrl',
      method: 'GET',
      paths: ['/api/2.0/mlflow-artifacts/presigned/*'],
      scope: 'read',
      fields: { '*': string() },
      async handle(input) {
        safePath(input['*'] ?? '')
        throw new AppError('unsupported', 'Multipart download is not supported for the current artifact repository')
      },
    }),
    rpc({
      name: 'createPresignedUploadUrl',
      method: 'POST',
      paths: ['/api/2.0/mlflow/artifacts/presigned-upload-url'],
      scope: 'write',
      fields: { run_id: string(), model_id: string(), path: string({ required: true }), expiration: int64() },
      async handle({ run_id, model_id, path }, { caller }) {
        if (!run_id === !model_id) throw new AppError('invalid', 'Exactly one of run_id and model_id must be provided.')
        safePath(path)
        const uri = run_id ? await roots.ofRun(caller.project, run_id) : await roots.ofLoggedModel(caller.project, model_id!)
        throw proxied('upload', uri)
      },
    }),
    rpc({
      name: 'createPresignedDownloadUrl',
      method: 'POST',
      paths: ['/api/2.0/mlflow/artifacts/presigned-download-url'],
      scope: 'read',
      fields: { run_id: string({ required: true }), path: string({ required: true }), expiration: int64() },
      async handle({ run_id, path, expiration = 900 }, { caller }) {
        safePath(path)
        if (expiration < 1 || expiration > 604_800)
          throw new AppError('invalid', `expiration must be between 1 and 604800 seconds (got ${expiration}).`)
        throw proxied('download', await roots.ofRun(caller.project, run_id))
      },
    }),
  ]
}

function missing(name: string): AppError {
  return new AppError(
    'invalid',
    `Missing value for required parameter '${name}'. See the API docs for more information about request parameters.`,
  )
}
