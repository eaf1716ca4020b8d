import { createHash, randomUUID } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../../contract/errors.ts'

export type Blobs = {
  put(stream: AsyncIterable<Uint8Array>, options?: { expectedDigest?: string; maxBytes?: number }): Promise<{ digest: string; sizeBytes: number }>
  get(digest: string): Promise<{ sizeBytes: number; stream: AsyncIterable<Uint8Array> }>
  has(digest: string): Promise<boolean>
}

export async function createBlobs({ folder }: { url?: string; folder: string; credentials?: object; log?: unknown }): Promise<Blobs> {
  const fileOf = (digest: string) => path.join(folder, digest.slice(0, 2), digest.slice(2, 4), digest)
  return {
    async put(stream, options = {}) {
      await fs.mkdir(folder, { recursive: true })
      const temporary = path.join(folder, randomUUID())
      const hash = createHash('sha256')
      let sizeBytes = 0
      const handle = await fs.open(temporary, 'w')
      for await (const chunk of stream) {
        hash.update(chunk)
        sizeBytes += chunk.length
        await handle.write(chunk)
      }
      await handle.sync()
      await handle.close()
      const digest = hash.digest('hex')
      if (options.expectedDigest && options.expectedDigest !== digest) throw new AppError('invalid', 'digest differs')
      await fs.mkdir(path.dirname(fileOf(digest)), { recursive: true })
      await fs.rename(temporary, fileOf(digest))
      return { digest, sizeBytes }
    },
    async get(digest) {
      const handle = await fs.open(fileOf(digest), 'r')
      return { sizeBytes: (await handle.stat()).size, stream: handle.createReadStream() }
    },
    has: (digest) => fs.access(fileOf(digest)).then(() => true, () => false),
  }
}
