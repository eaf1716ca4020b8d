import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { Blobs, ByteRange } from './blobs.ts'

export type BlobWorld = {
  readonly blobs: Blobs
  /** Changes one byte of what is stored, behind the store's back. */
  spoil(digest: string): Promise<void>
  /** Uploads that were begun and neither finished nor cleaned up. */
  unfinished(): Promise<number>
}

const absent = 'ab'.repeat(32)
export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export async function* chunked(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export async function gathered<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

async function readAll(blobs: Blobs, digest: string): Promise<{ sizeBytes: number; bytes: Buffer }> {
  const { sizeBytes, stream } = await blobs.get(digest)
  return { sizeBytes, bytes: Buffer.concat(await gathered(stream)) }
}

/** Copies each piece before the next is asked for, and spoils it then, as whoever uses its memory again would. */
async function sent(blobs: Blobs, digest: string, range?: ByteRange): Promise<Buffer> {
  const pieces: Buffer[] = []
  const take = async (piece: Uint8Array) => {
    pieces.push(Buffer.from(piece))
    await Promise.resolve()
    piece.fill(0)
  }
  await blobs.send(digest, take, range)
  return Buffer.concat(pieces)
}

/** Bytes that differ from test to test, so that what one test stores does not serve another. */
function bytesOf(seed: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let state = (seed * 2_654_435_761) >>> 0
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** What every blob store promises. */
export function blobsContract(name: string, world: () => BlobWorld): void {
  describe(name, () => {
    storing(world)
    ageing(world)
    refusing(world)
  })
}

function storing(world: () => BlobWorld): void {
  test.each([0, 1, 300_000, 17 << 20])('%i bytes come back as they went in, under their digest', async (size) => {
    const { blobs, unfinished } = world()
    const bytes = bytesOf(size + 1, size)
    const digest = digestOf(bytes)
    expect(await blobs.has(digest)).toBe(false)
    expect(await blobs.put(chunked(bytes))).toEqual({ digest, sizeBytes: size })
    expect(await blobs.has(digest)).toBe(true)
    const read = await readAll(blobs, digest)
    expect(read.sizeBytes).toBe(size)
    expect(read.bytes.equals(bytes)).toBe(true)
    expect((await sent(blobs, digest)).equals(bytes)).toBe(true)
    expect((await readFile(await blobs.path(digest))).equals(bytes)).toBe(true)
    expect(await unfinished()).toBe(0)
  })

  test('the same content twice, also at the same time, is one blob', async () => {
    const { blobs } = world()
    const bytes = bytesOf(7, 50_000)
    await Promise.all([1, 2, 3].map(() => blobs.put(chunked(bytes))))
    await blobs.put(chunked(bytes), { expectedDigest: digestOf(bytes) })
    const all = await gathered(blobs.list())
    expect(all.filter((blob) => blob.digest === digestOf(bytes))).toMatchObject([{ digest: digestOf(bytes), sizeBytes: 50_000 }])
  })
}

function ageing(world: () => BlobWorld): void {
  test('any part can be read, and the size of the whole is told with it', async () => {
    const { blobs } = world()
    const bytes = bytesOf(11, 300_001)
    const { digest } = await blobs.put(chunked(bytes))
    for (const [first, last] of [
      [0, 0],
      [5, 299_999],
      [300_000, 300_000],
    ] as const) {
      const { sizeBytes, stream } = await blobs.get(digest, { first, last })
      expect(sizeBytes).toBe(300_001)
      expect(Buffer.concat(await gathered(stream)).equals(bytes.subarray(first, last + 1))).toBe(true)
      expect((await sent(blobs, digest, { first, last })).equals(bytes.subarray(first, last + 1))).toBe(true)
    }
    await expect(blobs.get(absent, { first: 0, last: 1 })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('only what nobody stored or asked for since is removed as old', async () => {
    const { blobs } = world()
    const { digest } = await blobs.put(chunked(bytesOf(12, 1_000)))
    const { usedAtMs } = (await gathered(blobs.list())).find((blob) => blob.digest === digest)!
    expect(await blobs.deleteOlder(digest, usedAtMs)).toBe(false)
    expect(await blobs.has(digest)).toBe(true)
    expect(await blobs.deleteOlder(digest, usedAtMs + 1_000)).toBe(true)
    expect(await blobs.has(digest)).toBe(false)
    expect(await blobs.deleteOlder(digest, usedAtMs + 1_000)).toBe(false)
  })
}

function refusing(world: () => BlobWorld): void {
  test('an upload that is refused or breaks off leaves nothing', async () => {
    const { blobs, unfinished } = world()
    const bytes = bytesOf(8, 300_000)
    async function* broken() {
      yield bytes.subarray(0, 200_000)
      throw new Error('the line broke')
    }
    await expect(blobs.put(broken())).rejects.toThrow('the line broke')
    await expect(blobs.put(chunked(bytes), { expectedDigest: absent })).rejects.toMatchObject({ code: 'invalid' })
    await expect(blobs.put(chunked(bytes), { maxBytes: 299_999 })).rejects.toMatchObject({ code: 'too_large' })
    expect(await blobs.has(digestOf(bytes))).toBe(false)
    expect(await unfinished()).toBe(0)
  })

  test('a corrupt blob is found out before its end is given out', async () => {
    const { blobs, spoil } = world()
    const bytes = bytesOf(9, 700_001)
    const { digest } = await blobs.put(chunked(bytes))
    await spoil(digest)
    let given = 0
    const reading = async () => {
      for await (const chunk of (await blobs.get(digest)).stream) given += chunk.length
    }
    await expect(reading()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('corrupt') })
    expect(given).toBeLessThan(bytes.length)
    let pushed = 0
    const push = async (piece: Uint8Array) => {
      pushed += piece.length
    }
    await expect(blobs.send(digest, push)).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('corrupt') })
    expect(pushed).toBeLessThan(bytes.length)
  })

  test('what is not there or is no digest is said so', async () => {
    const { blobs } = world()
    await expect(blobs.send(absent, async () => {})).rejects.toMatchObject({ code: 'not_found' })
    await expect(blobs.get(absent)).rejects.toMatchObject({ code: 'not_found' })
    await expect(blobs.path(absent)).rejects.toMatchObject({ code: 'not_found' })
    for (const wrong of ['', '../../etc/passwd', absent.toUpperCase(), `${absent}0`]) {
      await expect(blobs.get(wrong)).rejects.toMatchObject({ code: 'invalid' })
      await expect(blobs.has(wrong)).rejects.toMatchObject({ code: 'invalid' })
      await expect(blobs.delete(wrong)).rejects.toMatchObject({ code: 'invalid' })
    }
  })

  test('a deleted blob is gone, and deleting it again is no error', async () => {
    const { blobs } = world()
    const { digest } = await blobs.put(chunked(bytesOf(10, 1_000)))
    await blobs.delete(digest)
    await blobs.delete(digest)
    expect(await blobs.has(digest)).toBe(false)
    await expect(blobs.path(digest)).rejects.toMatchObject({ code: 'not_found' })
  })
}
