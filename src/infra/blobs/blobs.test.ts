import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { silentLog } from '../log.ts'
import { type Blobs, createBlobs } from './blobs.ts'
import { blobsContract, chunked, digestOf, gathered } from './contract-suite.ts'
import { s3AddressFrom } from './s3-blobs.ts'

const folder = mkdtempSync(join(tmpdir(), 'setpoint-blobs-'))
const fileOf = (digest: string) => join(folder, digest.slice(0, 2), digest.slice(2))
let blobs: Blobs
beforeAll(async () => {
  blobs = await createBlobs({ folder, log: silentLog })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function spoil(digest: string): Promise<void> {
  const file = await open(fileOf(digest), 'r+')
  await file.write(Uint8Array.of(1, 2, 3), 0, 3, 10)
  await file.close()
}

blobsContract('blobs on disk', () => ({ blobs, spoil, unfinished: async () => readdirSync(join(folder, 'incoming')).length }))

describe('on disk', () => {
  const bytes = Buffer.from('x'.repeat(1_000))

  test('storing content again mends a corrupt file, and a path is checked again when the file changed', async () => {
    const { digest } = await blobs.put(chunked(bytes))
    await blobs.path(digest)
    await spoil(digest)
    await expect(blobs.path(digest)).rejects.toMatchObject({ code: 'internal' })
    await blobs.put(chunked(bytes))
    expect((await readFile(await blobs.path(digest))).equals(bytes)).toBe(true)
  })

  test('memory is given back as soon as it is written, but only where it was handed over, and whole', async () => {
    const store = async (pieces: Uint8Array[], frees?: boolean) => {
      async function* given() {
        yield* pieces
      }
      return await blobs.put(given(), { frees })
    }
    const own = () => new Uint8Array(2 << 20).fill(7)
    const [kept, freed, larger] = [own(), own(), own()]
    const part = larger.subarray(0, 1 << 20)
    expect((await store([kept])).digest).toBe((await store([freed], true)).digest)
    await store([part], true)
    expect([kept, freed, larger].map((piece) => piece.length)).toEqual([2 << 20, 0, 2 << 20])
  })

  test('a truncated file is corrupt', async () => {
    const { digest } = await blobs.put(chunked(bytes))
    await writeFile(fileOf(digest), bytes.subarray(0, 999))
    await expect(blobs.path(digest)).rejects.toMatchObject({ code: 'internal' })
  })

  test('what a crash left half written is removed at the next start', async () => {
    await writeFile(join(folder, 'incoming', 'left'), 'half')
    const again = await createBlobs({ folder, log: silentLog })
    expect(readdirSync(join(folder, 'incoming'))).toEqual([])
    expect(await again.has(digestOf(bytes))).toBe(true)
  })
})

describe('age, on disk', () => {
  let nowMs = 1_700_000_000_000
  const clock: Clock = { now: () => nowMs, after: () => () => {} }
  const open = () => createBlobs({ folder: join(folder, 'aged'), log: silentLog, clock })
  const ageOf = async (aged: Blobs) => (await gathered(aged.list()))[0]!.usedAtMs

  test('storing again and asking make a blob young, reading does not', async () => {
    const aged = await open()
    const { digest } = await aged.put(chunked(Buffer.from('kept')))
    expect(await ageOf(aged)).toBe(nowMs)
    const storedMs = nowMs
    nowMs += 7_200_000
    for await (const _ of (await aged.get(digest)).stream);
    expect(await ageOf(aged)).toBe(storedMs)
    expect(await aged.has(digest)).toBe(true)
    expect(await ageOf(aged)).toBe(nowMs)
    nowMs += 7_200_000
    await aged.put(chunked(Buffer.from('kept')))
    expect(await ageOf(aged)).toBe(nowMs)
  })
})

describe('the address of an S3 store', () => {
  test('is read', () => {
    expect(s3AddressFrom('s3://models/team/a/?endpoint=http://127.0.0.1:9000&region=eu-west-1')).toEqual({
      bucket: 'models',
      prefix: 'team/a/',
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:9000',
    })
    expect(s3AddressFrom('s3://models')).toEqual({ bucket: 'models', prefix: '', region: 'us-east-1', endpoint: undefined })
  })

  test.each(['models', 'http://models', 's3://', 's3://models?endpoint=ftp://x', 's3://models?secret=1'])('%s is refused', (url) => {
    expect(() => s3AddressFrom(url)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })

  test('a store that is not there is named', async () => {
    const away = await createBlobs({
      url: 's3://models?endpoint=http://127.0.0.1:1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      folder: join(folder, 'away'),
      log: silentLog,
    })
    await expect(away.has('ab'.repeat(32))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('http://127.0.0.1:1'),
    })
  })
})
