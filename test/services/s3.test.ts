import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { AppError } from '../../src/contract/errors.ts'
import { type Blobs, createBlobs } from '../../src/infra/blobs/blobs.ts'
import { blobsContract, chunked, gathered } from '../../src/infra/blobs/contract-suite.ts'
import { silentLog } from '../../src/infra/log.ts'

// The blob contract on a stand-in for S3: moto, a Python package, in a virtual environment that this suite makes.
const MOTO = 'moto[server]==5.2.5'
const environment = join(tmpdir(), 'setpoint-moto-5.2.5')
const python = join(environment, 'bin', 'python')
const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' }

function ready(): string | undefined {
  if (spawnSync(python, ['-c', 'import moto.server, flask']).status === 0) return undefined
  rmSync(environment, { recursive: true, force: true })
  const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' })
  if (made.status !== 0) return `python3 -m venv failed: ${made.error?.message ?? made.stderr}`
  const installed = spawnSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', MOTO], {
    encoding: 'utf8',
    timeout: 240_000,
  })
  return installed.status === 0 ? undefined : `pip could not install ${MOTO}: ${installed.stderr.slice(-300)}`
}

const reason = ready()
if (reason !== undefined) console.log(`skipped the S3 suite: ${reason}`)

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

describe.skipIf(reason !== undefined)('an S3-compatible store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'setpoint-s3-'))
  let server: ChildProcess
  let endpoint: string
  let client: S3Client
  let blobs: Blobs
  const open = (name: string, over: object = {}) =>
    createBlobs({
      url: `s3://models/team?endpoint=${endpoint}&region=us-east-1`,
      credentials,
      folder: join(folder, name),
      log: silentLog,
      ...over,
    })

  beforeAll(async () => {
    const port = await freePort()
    endpoint = `http://127.0.0.1:${port}`
    server = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
    client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
    await vi.waitFor(() => fetch(endpoint), { timeout: 30_000, interval: 100 })
    await client.send(new CreateBucketCommand({ Bucket: 'models' }))
    blobs = await open('first')
  }, 60_000)
  afterAll(() => {
    server?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  const keyOf = (digest: string) => `team/${digest.slice(0, 2)}/${digest.slice(2)}`
  const replace = (digest: string, body: Uint8Array) =>
    client.send(new PutObjectCommand({ Bucket: 'models', Key: keyOf(digest), Body: body }))

  blobsContract('blobs in S3', () => ({
    blobs,
    async spoil(digest) {
      const { sizeBytes } = await blobs.get(digest)
      await replace(digest, new Uint8Array(sizeBytes))
    },
    unfinished: async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: 'models' }))).Uploads?.length ?? 0,
  }))

  test('another process finds what one stored, and fetches it into its own cache', async () => {
    const bytes = Buffer.from('shared')
    const { digest } = await blobs.put(chunked(bytes))
    const other = await open('second')
    const path = await other.path(digest)
    expect(path).toContain(join(folder, 'second'))
    expect(existsSync(path)).toBe(true)
  })

  test('a path is never given for content that is corrupt', async () => {
    const { digest } = await blobs.put(chunked(Buffer.from('to be spoilt')))
    await replace(digest, Buffer.from('xx be spoilt'))
    await expect((await open('third')).path(digest)).rejects.toMatchObject({ code: 'internal' })
  })

  test('content cut short is stored again', async () => {
    const bytes = Buffer.from('to be cut short')
    const { digest } = await blobs.put(chunked(bytes))
    await replace(digest, bytes.subarray(0, 4))
    await blobs.put(chunked(bytes))
    expect(Buffer.concat(await gathered((await blobs.get(digest)).stream)).equals(bytes)).toBe(true)
  })

  test('a part that fails aborts the whole upload', async () => {
    const proxy = createHttpServer((from, to) => {
      if (from.url!.includes('partNumber=2')) return void to.writeHead(400).end()
      const on = request(`${endpoint}${from.url}`, { method: from.method, headers: from.headers }, (reply) => {
        to.writeHead(reply.statusCode!, reply.headers)
        reply.pipe(to)
      })
      from.pipe(on)
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as { port: number }
    const broken = await open('fourth', { url: `s3://models/team?endpoint=http://127.0.0.1:${port}` })
    await expect(broken.put(chunked(Buffer.alloc((16 << 20) + 10, 5)))).rejects.toThrow(AppError)
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket: 'models' }))).Uploads ?? []).toEqual([])
    proxy.closeAllConnections()
    proxy.close()
  })

  test('the cache keeps within its limit and what was evicted comes back from the store', async () => {
    const small = await open('fifth', { maxCacheBytes: 2_500 })
    const [a, b] = [Buffer.alloc(2_000, 1), Buffer.alloc(2_000, 2)]
    const first = await small.put(chunked(a))
    await small.put(chunked(b))
    expect(existsSync(join(folder, 'fifth', 'cache', first.digest.slice(0, 2), first.digest.slice(2)))).toBe(false)
    expect(existsSync(await small.path(first.digest))).toBe(true)
  })

  test('a bucket that is not there is named', async () => {
    const absent = await createBlobs({
      url: `s3://absent?endpoint=${endpoint}`,
      credentials,
      folder: join(folder, 'absent'),
      log: silentLog,
    })
    await expect(absent.put(chunked(Buffer.from('x')))).rejects.toThrow(/absent/)
  })
})
