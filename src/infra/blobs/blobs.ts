import { type Clock, systemClock } from '../clock.ts'
import type { Log } from '../log.ts'
import { createDiskBlobs } from './disk-blobs.ts'
import type { S3Credentials } from './s3-blobs.ts'

export type PutOptions = {
  /** Refuse content that is not this (hex SHA-256). */
  readonly expectedDigest?: string
  readonly maxBytes?: number
  /**
   * The pieces of the stream are the store's: their memory is freed once they are written, and nobody may look at them
   * again. For what comes from the network, where the garbage collector would otherwise run for every 64 MB.
   */
  readonly frees?: boolean
}
export type Blob = { readonly digest: string; readonly sizeBytes: number }
/** A part of a blob, both ends included; within the blob. */
export type ByteRange = { readonly first: number; readonly last: number }

/** Content under its own SHA-256. What has a digest never changes; what is read whole is checked against it. */
export type Blobs = {
  /**
   * Stores a stream; the same content twice is stored once. Resolves when it is durable. Throws `too_large`, `invalid`
   * (another digest than expected), `storage_full`, and what the stream throws; then nothing is left behind.
   */
  put(stream: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<Blob>
  /**
   * Reads a blob; `sizeBytes` is that of the whole. Throws `not_found`; a corrupt blob makes the stream throw `internal`
   * before its end is given out. A part cannot be checked against the digest of the whole: it is given as it lies there.
   */
  get(digest: string, range?: ByteRange): Promise<{ readonly sizeBytes: number; readonly stream: AsyncIterable<Uint8Array> }>
  /**
   * Gives a blob, or a part of it, to `write` piece by piece, checked as `get` checks. A piece is good until the promise of
   * its `write` settles: then its memory is used again, so that a large file costs no more than a small one. Ends when
   * `write` throws.
   */
  send(digest: string, write: (piece: Uint8Array) => Promise<void>, range?: ByteRange): Promise<void>
  /** Whether the blob is there. Asking makes it young again, so that `deleteOlder` leaves it to whoever asked. */
  has(digest: string): Promise<boolean>
  /** A local file with the verified content, for what can only read files. Throws as `get` does. Not to be written to. */
  path(digest: string): Promise<string>
  /** Removes a blob; one that is not there is no error. */
  delete(digest: string): Promise<void>
  /** Removes a blob unless it was stored, stored again or asked for at or after `beforeMs`; answers whether it did. */
  deleteOlder(digest: string, beforeMs: number): Promise<boolean>
  /** Every blob, with the last time it was stored or asked for. */
  list(): AsyncIterable<Blob & { readonly usedAtMs: number }>
}

export type BlobsOptions = {
  /** `s3://bucket/prefix?endpoint=http://host:port&region=name`; without it blobs lie on the disk. */
  readonly url?: string
  readonly credentials?: S3Credentials
  /** Where blobs lie, or where those of S3 are cached. */
  readonly folder: string
  readonly log: Log
  readonly clock?: Clock
  readonly maxCacheBytes?: number
}

/** Opens the blob store the settings name. Throws `invalid` when the address is not one. */
export async function createBlobs(options: BlobsOptions): Promise<Blobs> {
  const { url, folder, clock = systemClock } = options
  if (url === undefined) return createDiskBlobs(folder, clock)
  // Loaded only where it is used: the client of S3 is large.
  const { createS3Blobs } = await import('./s3-blobs.ts')
  return createS3Blobs({ ...options, url, clock })
}
