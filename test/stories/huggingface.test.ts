import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { artifacts } from '../../src/contract/artifacts.ts'
import { registry } from '../../src/contract/registry.ts'
import { modelWithCut, openWorld, registerModel, type World } from '../world.ts'

let world: World
let token: string
const weights = 'not really weights'
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('viewer')
  await world.admin.call(access.createProject, { name: 'fraud' })
  for (const [version, text] of [
    [1, 'first'],
    [2, 'second'],
  ] as const) {
    const folder = `hub/${version}`
    const upload = (path: string, body: string) =>
      world.admin.call(artifacts.uploadFile, { path: `${folder}/${path}`, body: body as never })
    await upload('config.json', `{"say":"${text}"}`)
    await upload('tokenizer/vocab.txt', 'a\nb\n')
    await upload('weights.bin', weights)
    await world.admin.call(registry.registerVersion, { model: 'bert', source: `mlflow-artifacts:/${folder}` })
  }
  await world.admin.call(registry.moveAlias, { model: 'bert', alias: 'champion', version: 1, reason: 'it is better' })
  await registerModel(world.admin, 'churn', modelWithCut(0.5), { alias: 'champion' })
})
afterAll(() => world.close())

type Info = { id: string; sha: string; siblings: { rfilename: string; lfs?: { sha256: string } }[] }
const call = (path: string, init: RequestInit = {}, as = token) =>
  fetch(world.url + path, { ...init, headers: { authorization: `Bearer ${as}`, ...(init.headers as Record<string, string>) } })
const info = async (path: string) => (await (await call(`/api/models/${path}`)).json()) as Info
const text = async (path: string) => await (await call(path)).text()

test('a model is a repository: main is its champion, versions and aliases are revisions', async () => {
  const main = await info('default/bert')
  expect(main).toMatchObject({ id: 'default/bert', private: true, sha: expect.stringMatching(/^[0-9a-f]{40}$/) })
  expect(main.siblings.map((one) => one.rfilename)).toEqual(['config.json', 'tokenizer/vocab.txt', 'weights.bin'])
  for (const revision of ['main', 'HEAD', '1', 'v1', 'champion', main.sha])
    expect((await info(`default/bert/revision/${revision}`)).sha).toBe(main.sha)
  for (const revision of ['2', 'v2', 'latest']) expect((await info(`bert/revision/${revision}`)).sha).not.toBe(main.sha)
  expect(await text('/default/bert/resolve/main/config.json')).toBe('{"say":"first"}')
  expect(await text('/bert/resolve/v2/config.json')).toBe('{"say":"second"}')
  const detailed = await info('default/bert?blobs=true')
  expect(detailed.siblings[2]).toMatchObject({
    size: weights.length,
    blobId: expect.stringMatching(/^[0-9a-f]{40}$/),
    lfs: { sha256: expect.any(String) },
  })
})

test('a version of one ONNX file is a repository with that file', async () => {
  expect((await info('default/churn')).siblings).toEqual([{ rfilename: 'model.onnx' }])
  const bytes = new Uint8Array(await (await call('/default/churn/resolve/v1/model.onnx')).arrayBuffer())
  expect(bytes).toEqual(new Uint8Array(modelWithCut(0.5)))
})

test('a file is told by its head and read in parts', async () => {
  const { sha } = await info('bert')
  const head = await call('/bert/resolve/main/weights.bin', { method: 'HEAD' })
  expect([head.status, Object.fromEntries(head.headers)]).toMatchObject([
    200,
    { 'x-repo-commit': sha, 'content-length': String(weights.length), 'accept-ranges': 'bytes', 'x-linked-size': String(weights.length) },
  ])
  expect(head.headers.get('etag')).toMatch(/^"[0-9a-f]{64}"$/)
  expect(head.headers.get('x-linked-etag')).toBe(head.headers.get('etag'))
  const part = await call('/bert/resolve/main/weights.bin', { headers: { range: 'bytes=4-9' } })
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, `bytes 4-9/${weights.length}`, 'really'])
  expect((await call('/bert/resolve/main/weights.bin', { headers: { range: 'bytes=99-' } })).status).toBe(416)
  expect((await call('/bert/resolve/main/weights.bin', { headers: { 'if-none-match': head.headers.get('etag')! } })).status).toBe(304)
})

test('a tree is listed by folder, at any depth, and page by page', async () => {
  const tree = async (path: string) => {
    const response = await call(`/api/models/bert/tree/main${path}`)
    return { next: response.headers.get('link'), entries: (await response.json()) as { type: string; path: string; size: number }[] }
  }
  const names = async (path: string) => (await tree(path)).entries.map((entry) => `${entry.type} ${entry.path}`)
  expect(await names('')).toEqual(['file config.json', 'directory tokenizer', 'file weights.bin'])
  expect(await names('?recursive=true')).toEqual([
    'file config.json',
    'directory tokenizer',
    'file tokenizer/vocab.txt',
    'file weights.bin',
  ])
  expect(await names('/tokenizer')).toEqual(['file tokenizer/vocab.txt'])
  const seen: string[] = []
  for (let at: string | undefined = `${world.url}/api/models/bert/tree/main?recursive=true&limit=1`; at; ) {
    const response: Response = await fetch(at, { headers: { authorization: `Bearer ${token}` } })
    seen.push(...((await response.json()) as { path: string }[]).map((entry) => entry.path))
    at = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  }
  expect(seen).toEqual(['config.json', 'tokenizer', 'tokenizer/vocab.txt', 'weights.bin'])
  const body = new URLSearchParams([
    ['paths', 'tokenizer'],
    ['paths', 'weights.bin'],
    ['paths', 'none'],
  ])
  const infos = (await (await call('/api/models/bert/paths-info/main', { method: 'POST', body })).json()) as { path: string }[]
  expect(infos.map((entry) => entry.path)).toEqual(['tokenizer', 'weights.bin'])
})

test('refs, commits, the list of models and the caller are told', async () => {
  const refs = (await (await call('/api/models/bert/refs')).json()) as {
    branches: { name: string }[]
    tags: { name: string; targetCommit: string }[]
  }
  expect(refs.branches.map((ref) => ref.name)).toEqual(['main', 'champion'])
  expect(refs.tags.map((ref) => ref.name)).toEqual(['v2', 'v1'])
  const commits = (await (await call('/api/models/bert/commits/main')).json()) as { id: string }[]
  expect(commits.map((commit) => commit.id)).toEqual([refs.tags[1]!.targetCommit])
  const listed = (await (await call('/api/models?search=BE')).json()) as { id: string }[]
  expect(listed.map((model) => model.id)).toEqual(['default/bert'])
  expect(await (await call('/api/models?author=fraud')).json()).toEqual([])
  expect(await (await call('/api/whoami-v2')).json()).toMatchObject({ type: 'user', orgs: [{ name: 'default' }] })
})

const missing = (code: string) => ({ status: 404, code })
test.each([
  ['/api/models/default/none', missing('RepoNotFound')],
  ['/api/models/other/bert', missing('RepoNotFound')],
  ['/api/models/default/bert/revision/v9', missing('RevisionNotFound')],
  ['/api/models/default/bert/revision/nobody', missing('RevisionNotFound')],
  [`/api/models/default/bert/revision/${'ab'.repeat(20)}`, missing('RevisionNotFound')],
  ['/api/models/default/bert/revision/refs%2Fpr%2F1', missing('RevisionNotFound')],
  ['/default/none/resolve/main/config.json', missing('RepoNotFound')],
  ['/default/bert/resolve/main/none.json', missing('EntryNotFound')],
  ['/default/bert/resolve/main/tokenizer', missing('EntryNotFound')],
  ['/default/bert/resolve/main/..%2f2%2fconfig.json', missing('EntryNotFound')],
  ['/default/bert/resolve/main/%2e%2e/2/config.json', missing('EntryNotFound')],
  ['/default/bert/resolve/main/%252e%252e%252f2%252fconfig.json', missing('EntryNotFound')],
  ['/api/models/default/bert/tree/main/none', missing('EntryNotFound')],
])('%s says what is missing, also to a client that reads headers only', async (path, { status, code }) => {
  // fetch tidies a path up; what climbs must arrive as it was written.
  const response = await call(path.replace('/%2e%2e/', '/%252e%252e/'))
  expect([response.status, response.headers.get('x-error-code'), await response.json()]).toEqual([
    status,
    code,
    { error: expect.any(String) },
  ])
})

test('a version goes on having the files it was registered with, until it is deleted', async () => {
  await world.admin.call(artifacts.uploadFile, { path: 'hub/3/config.json', body: 'before' as never })
  await world.admin.call(registry.registerVersion, { model: 'moving', source: 'mlflow-artifacts:/hub/3' })
  const { sha } = await info('moving')
  await world.admin.call(artifacts.uploadFile, { path: 'hub/3/config.json', body: 'after' as never })
  await world.admin.call(artifacts.uploadFile, { path: 'hub/3/more.json', body: 'more' as never })
  expect((await info('moving')).sha).toBe(sha)
  await world.admin.call(artifacts.removeFiles, { path: 'hub/3' })
  expect((await info('moving')).siblings).toEqual([{ rfilename: 'config.json' }])
  expect(await text(`/moving/resolve/${sha}/config.json`)).toBe('before')
  await world.admin.call(registry.deleteVersion, { model: 'moving', version: 1, reason: 'a test' })
  expect((await call(`/moving/resolve/${sha}/config.json`)).status).toBe(404)
})

test('a repository is private: another project has none, and without a key there is nothing', async () => {
  const other = await world.token('admin', 'fraud')
  for (const path of ['/api/models/default/bert', '/default/bert/resolve/main/config.json', '/bert/resolve/main/config.json'])
    expect((await call(path, {}, other)).status).toBe(404)
  expect(await (await call('/api/models', {}, other)).json()).toEqual([])
  const entering = await world.token('admin')
  expect((await call('/p/fraud/api/models/fraud/bert', {}, entering)).status).toBe(404)
  expect((await call('/p/default/api/models/default/bert', {}, entering)).status).toBe(200)
  expect((await call('/api/models/default/bert', {}, `hf_${token}`)).status).toBe(200)
  const unknown = await fetch(`${world.url}/default/bert/resolve/main/config.json`)
  expect([unknown.status, await unknown.json()]).toEqual([401, { error: expect.stringContaining('API key') }])
})
