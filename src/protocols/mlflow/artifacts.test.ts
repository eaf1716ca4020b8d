import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError } from '../../contract/errors.ts'
import { createBlobs } from '../../infra/blobs/blobs.ts'
import { systemClock } from '../../infra/clock.ts'
import { createHttp, type Http } from '../../infra/http/server.ts'
import { createIds } from '../../infra/ids.ts'
import { silentLog } from '../../infra/log.ts'
import { createSql, type Sql } from '../../infra/sql/index.ts'
import { createArtifacts, createUploads } from '../../modules/models/artifacts/index.ts'
import { artifactRoutes } from './artifact-bytes.ts'
import { type ArtifactRoots, artifactRpcs } from './artifacts.ts'
import { routesFrom } from './rpc.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-mlflow-artifacts-'))
const known: Record<string, string> = {
  run: 'mlflow-artifacts:/1/run/artifacts',
  away: 's3://bucket/run/artifacts',
  sly: 'mlflow-artifacts:/1/../2',
  'm-1': 'mlflow-artifacts://any-host:1/1/models/m-1/artifacts',
  churn: 'mlflow-artifacts:/1/models/m-1/artifacts',
}
const find = async (_project: string, id: string) => {
  const uri = known[id]
  if (uri === undefined) throw new AppError('not_found', `Run with id=${id} not found`)
  return uri
}
const roots: ArtifactRoots = { ofRun: find, ofModelVersion: find, ofLoggedModel: find }

let sql: Sql
let server: Http
let url: string
beforeAll(async () => {
  sql = await createSql({ migrations: 'migrations/sql', log: silentLog })
  const blobs = await createBlobs({ folder, log: silentLog })
  const limits = { uploadLimitBytes: 64 << 20, bodyLimitBytes: 1 << 20 }
  const artifacts = createArtifacts({ sql, blobs, clock: systemClock, ...limits })
  const uploads = createUploads({ sql, blobs, clock: systemClock, ids: createIds(systemClock), artifacts, ...limits })
  const deps = { artifacts, uploads, roots, ...limits }
  server = createHttp({
    routes: [...artifactRoutes(deps), ...routesFrom(artifactRpcs(deps), limits)],
    authenticate: () => ({ id: 'tester', project: 'p', scopes: new Set(), requestId: 'r' }),
    ids: createIds(systemClock),
    log: silentLog,
    requestTimeoutMs: 30_000,
  })
  url = await server.listen('127.0.0.1', 0)
  for (const at of ['1/run/artifacts/a.txt', '1/run/artifacts/dir/b.txt', '1/models/m-1/artifacts/MLmodel'])
    await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${at}`, { method: 'PUT', body: at })
})
afterAll(async () => {
  await server.close(0)
  await sql.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const get = async (at: string) => {
  const response = await fetch(url + at)
  const body = await response.text()
  return { status: response.status, headers: response.headers, body, json: () => JSON.parse(body) as unknown }
}

test('the artifacts of a run are listed by paths from its root on, also for the console and by the older name', async () => {
  for (const [base, name] of [
    ['/api', 'run_id'],
    ['/ajax-api', 'run_uuid'],
  ]) {
    expect((await get(`${base}/2.0/mlflow/artifacts/list?${name}=run`)).json()).toEqual({
      root_uri: known.run,
      files: [
        { path: 'a.txt', is_dir: false, file_size: 21 },
        { path: 'dir', is_dir: true },
      ],
    })
  }
  expect((await get('/api/2.0/mlflow/artifacts/list?run_id=run&path=dir')).json()).toEqual({
    root_uri: known.run,
    files: [{ path: 'dir/b.txt', is_dir: false, file_size: 25 }],
  })
  expect((await get('/api/2.0/mlflow/artifacts/list?run_id=run&path=a.txt')).json()).toEqual({ root_uri: known.run })
})

test('files of a run, a version and a logged model are sent as attachments', async () => {
  for (const at of [
    '/get-artifact?run_id=run&path=dir/b.txt',
    '/get-artifact?run_uuid=run&path=dir%2Fb.txt',
    '/model-versions/get-artifact?name=churn&version=1&path=MLmodel',
    '/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/files?artifact_file_path=MLmodel',
  ]) {
    const { status, headers, body } = await get(at)
    expect([at, status, body]).toEqual([at, 200, expect.stringMatching(/^1\//)])
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename=(b\.txt|MLmodel)$/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  }
  expect((await get('/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/directories')).json()).toEqual({
    root_uri: known['m-1'],
    files: [{ path: 'MLmodel', is_dir: false, file_size: 30 }],
  })
})

const invalid = (message: string | RegExp, error_code = 'INVALID_PARAMETER_VALUE') => ({
  status: error_code === 'RESOURCE_DOES_NOT_EXIST' ? 404 : 400,
  json: { error_code, message: expect.stringMatching(message) },
})
test.each([
  ['/api/2.0/mlflow/artifacts/list?run_id=run&path=../path', invalid(/^Invalid path$/)],
  ['/get-artifact?run_id=none&path=../path', invalid(/^Invalid path$/)],
  ['//model-versions/get-artifact?name=none&version=1&path=../path', invalid(/^Invalid path$/)],
  ['/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/directories?artifact_directory_path=%252e%252e', invalid(/^Invalid path$/)],
  ['/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/files?artifact_file_path=..%2fx', invalid(/^Invalid path$/)],
  ['/api/2.0/mlflow/artifacts/list?run_id=sly', invalid(/^Invalid path$/)],
  ['/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/files', invalid(/must include the "artifact_file_path"/, 'BAD_REQUEST')],
  ['/api/2.0/mlflow/artifacts/list', invalid(/^Missing value for required parameter 'run_id'/)],
  ['/get-artifact?run_id=run', invalid(/^Missing value for required parameter 'path'/)],
  ['/get-artifact?run_id=away&path=x', invalid(/lie in a store that only the client reads/)],
  ['/get-artifact?run_id=none&path=x', invalid(/^Run with id=none not found/, 'RESOURCE_DOES_NOT_EXIST')],
  ['/get-artifact?run_id=run&path=none', invalid(/^No such artifact/, 'RESOURCE_DOES_NOT_EXIST')],
  ['/get-artifact?run_id=run&path=dir', invalid(/directory, not a file/)],
])('%s is refused in the protocol’s shape', async (at, refusal) => {
  const reply = await get(at)
  expect({ status: reply.status, json: reply.json() }).toEqual(refusal)
})

test('the console’s own upload is small, whole and lands with the run', async () => {
  const upload = async (query: string, body?: string | Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${url}/ajax-api/2.0/mlflow/upload-artifact${query}`, { method: 'POST', body })
    return [response.status, ((await response.json()) as { message?: string }).message]
  }
  expect(await upload('')).toEqual([400, 'Request must specify run_uuid.'])
  expect(await upload('?run_uuid=run')).toEqual([400, 'Request must specify path.'])
  expect(await upload('?run_uuid=run&path=')).toEqual([400, 'Request must specify path.'])
  expect(await upload('?run_uuid=run&path=../test.txt', 'x')).toEqual([400, 'Invalid path'])
  expect(await upload('?run_uuid=run&path=test.txt')).toEqual([400, 'Request must specify data.'])
  expect(await upload('?run_uuid=run&path=test.txt', new Uint8Array((10 << 20) + 1))).toEqual([
    400,
    'Artifact size is too large. Max size is 10MB.',
  ])
  expect(await upload('?run_uuid=run&path=notes/test.txt', 'hello world')).toEqual([200, undefined])
  expect((await get('/get-artifact?run_uuid=run&path=notes/test.txt')).body).toBe('hello world')
})

test('presigned addresses are declined with what to do instead', async () => {
  const post = async (at: string, body: object) => {
    const response = await fetch(`${url}/api/2.0/mlflow/artifacts/${at}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    return [response.status, ((await response.json()) as { message: string }).message]
  }
  const declined = (direction: string) => [
    400,
    expect.stringContaining(`Presigned ${direction} is not supported for proxied artifact storage`),
  ]
  expect(await post('presigned-upload-url', { run_id: 'run', path: 'x' })).toEqual(declined('upload'))
  expect(await post('presigned-upload-url', { model_id: 'm-1', path: 'x' })).toEqual(declined('upload'))
  expect(await post('presigned-upload-url', { path: 'x' })).toEqual([400, 'Exactly one of run_id and model_id must be provided.'])
  expect(await post('presigned-download-url', { run_id: 'run', path: 'x' })).toEqual(declined('download'))
  expect(await post('presigned-download-url', { run_id: 'run', path: 'x', expiration: 0 })).toEqual([
    400,
    'expiration must be between 1 and 604800 seconds (got 0).',
  ])
  expect(await post('presigned-download-url', { run_id: 'run', path: '../x' })).toEqual([400, 'Invalid path'])
})
