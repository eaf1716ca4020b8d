import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Blob, Blobs, ByteRange } from './blobs.ts'
import { checkDigest, missingBlob, verified } from './digest.ts'
import { createDiskBlobs } from './disk-blobs.ts'
import { isStatus, s3Error } from './s3-error.ts'

export type S3Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }

export type S3Address = { readonly bucket: string; readonly prefix: string; readonly region: string; readonly endpoint?: string }

/** Larger content goes in parts of at least this size, so that a broken connection costs one part. */
const PART_BYTES = 16 << 20
/** S3 takes 10,000 parts. */
const MAX_PARTS = 9_000
const ATTEMPTS = 4
const CONNECT_MS = 5_000
const MAX_CACHE_BYTES = 10e9
/** A blob used since then counts as young already. */
const YOUNG_MS = 3_600_000
/** S3 copies no more in one go. */
const MAX_COPY_BYTES = 5 * 1024 ** 3

/** Reads `s3://bucket/prefix?endpoint=…&region=…`. Throws `invalid` with what is wrong. */
export function s3AddressFrom(url: string): S3Address {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 's3:' || parsed.host === '')
    throw new AppError('invalid', `the blob address ${url} needs the form s3://bucket/prefix?endpoint=http://host:port&region=name`)
  const unknown = [...parsed.searchParams.keys()].find((key) => key !== 'endpoint' && key !== 'region')
  if (unknown !== undefined)
    throw new AppError('invalid', `the blob address ${url} has a parameter ${unknown}; endpoint and region are known`)
  const endpoint = parsed.searchParams.get('endpoint') ?? undefined
  if (endpoint !== undefined && !/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    throw new AppError('invalid', `the endpoint ${endpoint} of the blob address is not an http or https address`)
  }
  const prefix = parsed.pathname.replaceAll(/^\/+|\/+$/g, '')
  return {
    bucket: parsed.host,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: parsed.searchParams.get('region') ?? 'us-east-1',
    endpoint,
  }
}

/** Blobs in an S3-compatible store under `prefix/ab/cdef…`, with a cache on the disk for uploads and for `path`. */
export async function createS3Blobs(options: {
  readonly url: string
  readonly credentials?: S3Credentials
  readonly folder: string
  readonly log: Log
  readonly clock: Clock
  readonly maxCacheBytes?: number
}): Promise<Blobs> {
  const { credentials, folder, log, clock, maxCacheBytes = MAX_CACHE_BYTES } = options
  const address = s3AddressFrom(options.url)
  const { bucket, prefix, region, endpoint } = address
  const client = new S3Client({
    region,
    forcePathStyle: true,
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_MS },
    // Stores that only resemble S3 do not all know the newer checksums; content is checked by its digest anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  const cache = await createDiskBlobs(join(folder, 'cache'), clock)
  const keepWithin = createEviction(cache, maxCacheBytes)
  const keyOf = (digest: string) => `${prefix}${digest.slice(0, 2)}/${digest.slice(2)}`
  const at = (digest: string) => ({ Bucket: bucket, Key: keyOf(digest) })

  async function ask<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (thrown) {
      throw s3Error(thrown, address)
    }
  }

  async function find(digest: string): Promise<{ sizeBytes: number; usedAtMs: number } | undefined> {
    try {
      const { ContentLength = 0, LastModified } = await client.send(new HeadObjectCommand(at(digest)))
      return { sizeBytes: ContentLength, usedAtMs: LastModified?.getTime() ?? 0 }
    } catch (thrown) {
      if (isStatus(thrown, 404)) return undefined
      throw s3Error(thrown, address)
    }
  }

  /** Copies an object onto itself, which gives it the time of now. What is too large for that keeps its age. */
  async function markUsed(digest: string, { sizeBytes, usedAtMs }: { sizeBytes: number; usedAtMs: number }): Promise<void> {
    if (clock.now() - usedAtMs < YOUNG_MS || sizeBytes > MAX_COPY_BYTES) return
    const source = `${bucket}/${keyOf(digest).split('/').map(encodeURIComponent).join('/')}`
    await ask(() => client.send(new CopyObjectCommand({ ...at(digest), CopySource: source, MetadataDirective: 'REPLACE' })))
  }

  async function get(digest: string, range?: ByteRange) {
    checkDigest(digest)
    try {
      if (range !== undefined) {
        const { Body, ContentRange } = await client.send(
          new GetObjectCommand({ ...at(digest), Range: `bytes=${range.first}-${range.last}` }),
        )
        return { sizeBytes: Number(ContentRange?.split('/')[1]), stream: Body as AsyncIterable<Uint8Array> }
      }
      const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand(at(digest)))
      return { sizeBytes: ContentLength, stream: verified(Body as AsyncIterable<Uint8Array>, digest, ContentLength) }
    } catch (thrown) {
      throw isStatus(thrown, 404) && (thrown as Error).name !== 'NoSuchBucket' ? missingBlob(digest) : s3Error(thrown, address)
    }
  }

  return {
    async put(stream, putOptions) {
      const blob = await cache.put(stream, putOptions)
      const stored = await find(blob.digest)
      if (stored?.sizeBytes === blob.sizeBytes) await markUsed(blob.digest, stored)
      else await ask(async () => upload(client, at(blob.digest), await cache.path(blob.digest), blob.sizeBytes, stored === undefined, log))
      await keepWithin(blob.digest)
      return blob
    },
    get,
    async send(digest, write, range) {
      for await (const piece of (await get(digest, range)).stream) await write(piece)
    },
    async has(digest) {
      checkDigest(digest)
      const found = await find(digest)
      if (found !== undefined) await markUsed(digest, found)
      return found !== undefined
    },
    async path(digest) {
      checkDigest(digest)
      if (!(await cache.has(digest))) await cache.put((await get(digest)).stream, { expectedDigest: digest })
      await keepWithin(digest)
      return cache.path(digest)
    },
    async delete(digest) {
      checkDigest(digest)
      await ask(() => client.send(new DeleteObjectCommand(at(digest))))
      await cache.delete(digest)
    },
    // S3 cannot remove on condition of age: between the look and the removal lie the milliseconds of one request.
    async deleteOlder(digest, beforeMs) {
      checkDigest(digest)
      const found = await find(digest)
      if (found === undefined || found.usedAtMs >= beforeMs) return false
      await ask(() => client.send(new DeleteObjectCommand(at(digest))))
      await cache.delete(digest)
      return true
    },
    async *list() {
      const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })[Symbol.asyncIterator]()
      for (;;) {
        const page = await ask(() => pages.next())
        if (page.done === true) return
        for (const { Key = '', Size = 0, LastModified } of page.value.Contents ?? []) {
          const digest = Key.slice(prefix.length).replace('/', '')
          if (/^[0-9a-f]{64}$/.test(digest)) yield { digest, sizeBytes: Size, usedAtMs: LastModified?.getTime() ?? 0 }
        }
      }
    },
  }
}

type Target = { readonly Bucket: string; readonly Key: string }

/** Uploads a file. With `isNew` the store refuses to replace what somebody else put there meanwhile, which is the same content. */
async function upload(client: S3Client, target: Target, file: string, sizeBytes: number, isNew: boolean, log: Log): Promise<void> {
  const condition = isNew ? { IfNoneMatch: '*' } : {}
  const handle = await open(file, 'r')
  try {
    if (sizeBytes > PART_BYTES) return await uploadParts(client, target, handle, sizeBytes, condition, log)
    const body = new Uint8Array(await handle.readFile())
    await client.send(new PutObjectCommand({ ...target, ...condition, Body: body, ContentLength: sizeBytes }))
  } catch (thrown) {
    if (!isStatus(thrown, 412)) throw thrown
  } finally {
    await handle.close()
  }
}

async function uploadParts(
  client: S3Client,
  target: Target,
  handle: Awaited<ReturnType<typeof open>>,
  sizeBytes: number,
  condition: { IfNoneMatch?: string },
  log: Log,
): Promise<void> {
  const partBytes = Math.max(PART_BYTES, Math.ceil(sizeBytes / MAX_PARTS))
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
  try {
    const parts: { ETag: string | undefined; PartNumber: number }[] = []
    for (let from = 0, number = 1; from < sizeBytes; from += partBytes, number++) {
      const body = new Uint8Array(Math.min(partBytes, sizeBytes - from))
      await readWhole(handle, body, from)
      const { ETag } = await client.send(
        new UploadPartCommand({ ...target, UploadId, PartNumber: number, Body: body, ContentLength: body.length }),
      )
      parts.push({ ETag, PartNumber: number })
    }
    await client.send(new CompleteMultipartUploadCommand({ ...target, ...condition, UploadId, MultipartUpload: { Parts: parts } }))
  } catch (thrown) {
    await client
      .send(new AbortMultipartUploadCommand({ ...target, UploadId }))
      .catch((error) => log.warn('blobs.abort_failed', { key: target.Key, error }))
    throw thrown
  }
}

async function readWhole(handle: Awaited<ReturnType<typeof open>>, into: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await handle.read(into, at, into.length - at, position + at)
    if (bytesRead === 0) throw new AppError('internal', 'a cached blob became shorter while it was uploaded; try again')
    at += bytesRead
  }
}

/** Keeps the cache within its limit: what was used longest ago goes first, what this process never used before that. */
function createEviction(cache: Blobs, maxBytes: number): (used: string) => Promise<void> {
  const uses = new Map<string, number>()
  let count = 0
  return async (used) => {
    uses.set(used, ++count)
    const blobs: Blob[] = []
    for await (const blob of cache.list()) blobs.push(blob)
    let total = blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0)
    const lastUse = (blob: Blob) => uses.get(blob.digest) ?? 0
    for (const blob of blobs.sort((a, b) => lastUse(a) - lastUse(b))) {
      if (total <= maxBytes || blob.digest === used) return
      await cache.delete(blob.digest)
      uses.delete(blob.digest)
      total -= blob.sizeBytes
    }
  }
}
