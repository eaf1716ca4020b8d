import { createHash } from 'node:crypto'
import { AppError } from '../../contract/errors.ts'

/** Throws `invalid` for anything but 64 lower-case hex digits, so that a digest is safe in a path and a key. */
export function checkDigest(digest: string): void {
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new AppError('invalid', `${JSON.stringify(digest.slice(0, 80))} is not a SHA-256 digest of 64 lower-case hex digits`)
}

export function corruptBlob(digest: string, sizeBytes: number): AppError {
  return new AppError(
    'internal',
    `the blob ${digest} is corrupt: its content has another digest; restore it from a backup or store it again`,
    { digest, sizeBytes },
  )
}

/** Passes a stream through and checks it against its digest. The last chunk is held back until everything is known to be right. */
export async function* verified(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  digest: string,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let seen = 0
  let held: Uint8Array | undefined
  for await (const chunk of stream) {
    if (chunk.length === 0) continue
    hash.update(chunk)
    seen += chunk.length
    if (held !== undefined) yield held
    held = chunk
  }
  if (seen !== sizeBytes || hash.digest('hex') !== digest) throw corruptBlob(digest, seen)
  if (held !== undefined) yield held
}

export function missingBlob(digest: string): AppError {
  return new AppError('not_found', `there is no blob ${digest}`, { digest })
}
