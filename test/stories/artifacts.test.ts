import { createHash } from 'node:crypto'
import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { artifacts } from '../../src/contract/artifacts.ts'
import { registry } from '../../src/contract/registry.ts'
import { modelWithCut, openWorld, registerModel, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld({ SETPOINT_UPLOAD_LIMIT_BYTES: String(4 << 20) })
  token = await world.token('operator')
  await world.admin.call(access.createProject, { name: 'fraud' })
})
afterAll(() => world.close())

const root = '/api/2.0/mlflow-artifacts/artifacts'
type Init = { method?: string; body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string>; as?: string }
const call = (path: string, { as = token, headers, ...init }: Init = {}) =>
  fetch(world.url + path, { ...init, headers: { authorization: `Bearer ${as}`, ...headers } })
const post = (path: string, body: object) =>
  call(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
const put = (path: string, body: string | Uint8Array<ArrayBuffer>) => call(`${root}/${path}`, { method: 'PUT', body })
const files = async (folder: string) =>
  ((await (await call(`${root}?path=${encodeURIComponent(folder)}`)).json()) as { files?: object[] }).files
const digestOf = (body: string | Uint8Array) => createHash('sha256').update(body).digest('hex')

/** A request whose path is sent exactly as it is written, which fetch would tidy up. */
function raw(method: string, path: string, body?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(world.url, { method, path, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, body: text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

describe('the artifact proxy', () => {
  test('takes files up, lists them as the protocol does, gives them back and removes them', async () => {
    expect(await (await put('1/run/artifacts/a.txt', '0')).json()).toEqual({})
    await put('1/run/artifacts/dir/b.txt', 'one two')
    expect(await files('1/run/artifacts')).toEqual([
      { path: 'a.txt', is_dir: false, file_size: 1 },
      { path: 'dir', is_dir: true },
    ])
    expect(await files('1/run/artifacts/dir')).toEqual([{ path: 'b.txt', is_dir: false, file_size: 7 }])
    expect(await files('1/run/artifacts/a.txt')).toBeUndefined()
    const got = await call(`${root}/1/run/artifacts/dir/b.txt`)
    expect(await got.text()).toBe('one two')
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'content-type': 'text/plain',
      'content-disposition': 'attachment; filename=b.txt',
      'x-content-type-options': 'nosniff',
      'content-length': '7',
      etag: `"${digestOf('one two')}"`,
    })
    expect((await call(`${root}/1/run/artifacts/dir`, { method: 'DELETE' })).status).toBe(200)
    expect(await files('1/run/artifacts')).toEqual([{ path: 'a.txt', is_dir: false, file_size: 1 }])
    const gone = await call(`${root}/1/run/artifacts/dir/b.txt`)
    expect([gone.status, await gone.json()]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: expect.stringContaining("No such artifact: '1/run/artifacts/dir/b.txt'") },
    ])
    const folder = await call(`${root}/1/run`)
    expect([folder.status, await folder.json()]).toMatchObject([400, { error_code: 'INVALID_PARAMETER_VALUE' }])
  })

  test('answers ranges, HEAD and what the client has already', async () => {
    await put('ranges.bin', '0123456789')
    const ask = (headers: Record<string, string>, method = 'GET') => call(`${root}/ranges.bin`, { headers, method })
    const part = await ask({ range: 'bytes=2-4' })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234'])
    expect(await (await ask({ range: 'bytes=-3' })).text()).toBe('789')
    const beyond = await ask({ range: 'bytes=10-' })
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10'])
    const etag = part.headers.get('etag')!
    expect((await ask({ 'if-none-match': etag })).status).toBe(304)
    expect(await (await ask({ range: 'bytes=0-0', 'if-range': '"another"' })).text()).toBe('0123456789')
    expect(await (await ask({ range: 'bytes=0-0', 'if-range': etag })).text()).toBe('0')
    const head = await ask({}, 'HEAD')
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', ''])
  })

  test('keeps names as they are: spaces, other scripts, percent signs, colons', async () => {
    for (const name of ['two words.txt', '模型.bin', '100%.txt', 'a%20b.txt', 'name:v1.txt', 'plus+and&.txt', '.hidden', 'ünï.txt']) {
      expect([name, (await put(`names/${encodeURIComponent(name)}`, name)).status]).toEqual([name, 200])
      expect(await (await call(`${root}/names/${encodeURIComponent(name)}`)).text()).toBe(name)
    }
    expect((await files('names'))?.length).toBe(8)
  })

  test('declines what a store behind it would have to sign', async () => {
    const presigned = await call('/api/2.0/mlflow-artifacts/presigned/a.txt')
    expect([presigned.status, await presigned.json()]).toEqual([
      501,
      { error_code: 'NOT_IMPLEMENTED', message: 'Multipart download is not supported for the current artifact repository' },
    ])
  })
})

describe('a file in parts', () => {
  const create = async (count: number) =>
    (await (await post('/api/2.0/mlflow-artifacts/mpu/create/parts/here', { path: '/home/me/large.bin', num_parts: count })).json()) as {
      upload_id: string
      credentials: { url: string; part_number: number; headers: Record<string, string> }[]
    }
  const end = (step: string, body: object) =>
    post(`/api/2.0/mlflow-artifacts/mpu/${step}/parts/here`, { path: '/home/me/large.bin', ...body })

  test('is sent to the addresses given, without a key, and put together', async () => {
    const { upload_id, credentials } = await create(3)
    const contents = ['first ', 'second ', 'third']
    const parts = await Promise.all(
      credentials.map(async ({ url, part_number, headers }) => {
        const sent = await fetch(url, { method: 'PUT', headers, body: contents[part_number - 1]! })
        return { part_number, etag: sent.headers.get('etag') }
      }),
    )
    expect((await end('complete', { upload_id, parts: parts.reverse() })).status).toBe(200)
    expect(await (await call(`${root}/parts/here/large.bin`)).text()).toBe('first second third')
  })

  test('is refused without the secret, with parts nobody sent, or after it was given up', async () => {
    const { upload_id, credentials } = await create(1)
    const { url, headers } = credentials[0]!
    const send = (sent: Record<string, string>) => fetch(url, { method: 'PUT', headers: sent, body: 'x' })
    expect((await send({})).status).toBe(403)
    expect((await send({ 'x-setpoint-upload': 'guess' })).status).toBe(403)
    const wrong = await end('complete', { upload_id, parts: [{ part_number: 1, etag: 'ab'.repeat(32) }] })
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { error_code: 'INVALID_PARAMETER_VALUE' }])
    expect((await end('abort', { upload_id })).status).toBe(200)
    expect((await send(headers)).status).toBe(403)
    const missing = await end('complete', { upload_id })
    expect(await missing.json()).toMatchObject({ message: expect.stringContaining("Missing value for required parameter 'parts'") })
  })
})

describe('abuse', () => {
  const climbing = [
    '../x',
    'a/../../x',
    '%2e%2e/x',
    '%2e%2e%2fx',
    '..%2fx',
    '%252e%252e%252fx',
    '%25252e%25252e/x',
    '..%5cx',
    'a%5c..%5cx',
    'a%00b',
    '%2fetc/passwd',
    'C:%2fx',
    'file:%2f%2f%2fetc',
    'a%0ab',
    'a%23b',
    '%e2%80%ae',
    `${'x'.repeat(256)}`,
    'd/'.repeat(65),
  ]
  test.each(climbing)('%s is an invalid path up, down, listed and removed', async (path) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
      const reply = await raw(method, `${root}/${path}`, method === 'PUT' ? 'x' : undefined)
      expect([method, reply.status]).toEqual([method, 400])
      if (method !== 'HEAD') expect(JSON.parse(reply.body)).toEqual({ error_code: 'INVALID_PARAMETER_VALUE', message: 'Invalid path' })
    }
    const listed = await raw('GET', `${root}?path=${path}`)
    expect([listed.status, JSON.parse(listed.body)]).toEqual([400, { error_code: 'INVALID_PARAMETER_VALUE', message: 'Invalid path' }])
    const upload = await post('/api/2.0/mlflow-artifacts/mpu/create', { path: 'x', num_parts: 1_000_000 })
    expect(upload.status).toBe(400)
  })

  test('a path from the root of a system is invalid where it is a value, and one of the tree where it is part of an address', async () => {
    expect((await raw('GET', `${root}?path=/etc`)).status).toBe(400)
    expect((await raw('GET', `${root}//etc/passwd`)).status).toBe(404)
  })

  test('a malformed escape is refused', async () => {
    for (const path of ['%zz', '%c0%ae%c0%ae/x', '%ff'])
      for (const method of ['GET', 'PUT']) expect((await raw(method, `${root}/${path}`, 'x')).status).toBeGreaterThanOrEqual(400)
  })

  test('an upload that is too large, declared or not, or is cut off leaves nothing', async () => {
    const before = await blobCount()
    const large = new Uint8Array((4 << 20) + 1)
    const declared = await put('abuse/large', large)
    expect([declared.status, await declared.json()]).toMatchObject([
      400,
      { error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringMatching(/limit/) },
    ])
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1 << 20))
      },
    })
    const chunked = fetch(`${world.url}${root}/abuse/chunked`, {
      method: 'PUT',
      body: stream,
      duplex: 'half',
      headers: { authorization: `Bearer ${token}` },
    } as RequestInit)
    expect(await chunked.then((reply) => reply.status).catch(() => 400)).toBe(400)
    await new Promise<void>((resolve) => {
      const cut = http.request(`${world.url}${root}/abuse/cut`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-length': 1_000_000 },
      })
      cut.on('error', () => resolve())
      cut.write(Buffer.alloc(1_000), () => cut.destroy())
    })
    await world.settle()
    expect(await files('abuse')).toBeUndefined()
    expect(await blobCount()).toBe(before)
  })

  test('a name that reads like a link, a device or an option is a name like any other', async () => {
    for (const name of ['link -> ../../etc/passwd', 'con', 'nul.txt', '-rf', '~', '$HOME', '`id`', '{{7*7}}', '<script>']) {
      const encoded = encodeURIComponent(name).replaceAll('~', '%7E')
      if (name.includes('..')) expect((await put(`odd/${encoded}`, name)).status).toBe(400)
      else {
        expect([name, (await put(`odd/${encoded}`, name)).status]).toEqual([name, 200])
        expect(await (await call(`${root}/odd/${encoded}`)).text()).toBe(name)
      }
    }
  })

  test('another project sees nothing, whoever may enter it or not', async () => {
    await put('secret.txt', 'mine')
    const other = await world.token('admin', 'fraud')
    expect((await call(`${root}/secret.txt`, { as: other })).status).toBe(404)
    expect(await (await call(root, { as: other })).json()).toEqual({})
    const entering = await call(`/p/default${root}/secret.txt`, { as: other })
    expect([entering.status, await entering.json()]).toMatchObject([403, { error_code: 'PERMISSION_DENIED' }])
    expect((await call(`${root}/secret.txt`, { as: other, method: 'DELETE' })).status).toBe(200)
    expect(await (await call(`${root}/secret.txt`)).text()).toBe('mine')
    const rootKey = await world.token('admin')
    expect((await call(`/p/fraud${root}/theirs.txt`, { as: rootKey, method: 'PUT', body: 'theirs' })).status).toBe(200)
    expect(await (await call(`${root}/theirs.txt`, { as: other })).text()).toBe('theirs')
    expect((await call(`${root}/theirs.txt`)).status).toBe(404)
  })

  test('a viewer reads and cannot write; without a key nothing is answered', async () => {
    const viewer = await world.token('viewer')
    await put('seen.txt', 'seen')
    expect(await (await call(`${root}/seen.txt`, { as: viewer })).text()).toBe('seen')
    for (const method of ['PUT', 'DELETE'])
      expect((await call(`${root}/seen.txt`, { as: viewer, method, ...(method === 'PUT' ? { body: 'x' } : {}) })).status).toBe(403)
    const unknown = await fetch(`${world.url}${root}/seen.txt`)
    expect([unknown.status, await unknown.json()]).toMatchObject([401, { error_code: 'UNAUTHENTICATED' }])
  })
})

describe('the same files by the contract', () => {
  test('are listed, measured, verified, downloaded and removed', async () => {
    await world.admin.call(artifacts.uploadFile, { path: 'contract/one.txt', body: 'one' as never })
    await put('contract/two/2.txt', 'two')
    const listed = await world.admin.call(artifacts.listFiles, { folder: 'contract' })
    expect(listed.map((entry) => [entry.path, entry.isFolder]).sort()).toEqual([
      ['contract/one.txt', false],
      ['contract/two', true],
    ])
    expect(await world.admin.call(artifacts.measureFolder, { folder: 'contract' })).toEqual({ files: 2, sizeBytes: 6 })
    expect(await world.admin.call(artifacts.verifyFolder, { folder: 'contract' })).toEqual({ files: 2, sizeBytes: 6, damaged: [] })
    expect(await (await world.admin.download(artifacts.downloadFile, { path: 'contract/one.txt' })).text()).toBe('one')
    expect(await world.admin.call(artifacts.removeFiles, { path: 'contract' })).toEqual({ files: 2 })
    await expect(world.admin.call(artifacts.uploadFile, { path: '../x', body: 'x' as never })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('climbs out of its folder'),
    })
  })

  test('what is removed is collected after its time, and what a version is made of is not', async () => {
    await registerModel(world.admin, 'kept', modelWithCut(0.7))
    await put('soon/gone.txt', 'nobody else has this')
    await world.admin.call(artifacts.removeFiles, { path: 'soon' })
    await world.settle()
    world.clock.advance(25 * 3_600_000)
    const admin = await world.as('admin')
    const dry = await admin.call(artifacts.collectGarbage, { dryRun: true })
    expect(dry.unused).toBeGreaterThanOrEqual(1)
    expect(await admin.call(artifacts.collectGarbage, {})).toMatchObject({ removed: dry.unused })
    expect(await admin.call(artifacts.verifyFolder, {})).toMatchObject({ damaged: [] })
    expect((await admin.download(registry.downloadArtifact, { model: 'kept', version: 1 })).status).toBe(200)
    const other = await world.as('admin', 'fraud')
    await expect(other.call(artifacts.collectGarbage, {})).rejects.toMatchObject({ code: 'forbidden' })
  })
})

async function blobCount(): Promise<number> {
  let count = 0
  for await (const _blob of world.infra.blobs.list()) count += 1
  return count
}
