import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { ArtifactFile, Artifacts } from './artifacts.ts'
import { createStore, type Part, type Store, type Upload } from './store.ts'

/** A part as the client names it when all are there: its number and the digest it was answered with. */
type SentPart = { readonly number: number; readonly digest: string }

/** Large files in parts: sent in any order, at the same time, again when one broke off, and put together at the end. */
export type Uploads = {
  /** Whoever has the secret may send parts. Throws `throttled` when too many uploads of the project are open. */
  begin(project: string, path: string, parts: number): Promise<{ readonly id: string; readonly secret: string }>
  /**
   * Takes one part, in place of an earlier one of its number; answers its digest. The memory of what is sent is freed, as for
   * `Blobs`. Throws `forbidden` for another secret.
   */
  takePart(id: string, secret: string, number: number, stream: AsyncIterable<Uint8Array>): Promise<string>
  /** Puts the parts together under the path of the upload. Throws `invalid` when they are not those that were taken. */
  complete(project: string, id: string, path: string, parts: readonly SentPart[]): Promise<ArtifactFile>
  /** Forgets an upload; its parts are collected later. One that is not there is no error. */
  abort(project: string, id: string): Promise<void>
}

type Deps = {
  readonly sql: Sql
  readonly blobs: Blobs
  readonly clock: Clock
  readonly ids: Ids
  readonly artifacts: Artifacts
  readonly uploadLimitBytes: number
}

const MOST_PARTS = 10_000
/** Open uploads of one project; those given up are dropped by the collection of garbage. */
const MOST_OPEN = 1_000

export function createUploads({ sql, blobs, clock, ids, artifacts, uploadLimitBytes }: Deps): Uploads {
  const store = createStore(sql)
  return {
    async begin(project, path, parts) {
      if (parts < 1 || parts > MOST_PARTS) throw new AppError('invalid', `an upload has 1 to ${MOST_PARTS} parts, not ${parts}`)
      const at = await artifacts.stat(project, path)
      if (at?.isFolder) throw new AppError('conflict', `${path} is a folder already`, { errorCode: 'INVALID_PARAMETER_VALUE' })
      if ((await store.countUploads(sql, project)) >= MOST_OPEN)
        throw new AppError('throttled', `${MOST_OPEN} uploads are open already; complete or abort some first`)
      const secret = randomBytes(32).toString('base64url')
      const id = ids('upl')
      await store.insertUpload(sql, { id, project, path, secret_hash: hashOf(secret), created_at: clock.now() })
      return { id, secret }
    },
    async takePart(id, secret, number, stream) {
      if (!Number.isInteger(number) || number < 1 || number > MOST_PARTS)
        throw new AppError('invalid', `parts are numbered from 1 to ${MOST_PARTS}`)
      const upload = await store.findUpload(sql, id)
      if (!upload || !timingSafeEqual(Buffer.from(hashOf(secret)), Buffer.from(upload.secret_hash)))
        throw new AppError('forbidden', 'there is no open upload with this id and secret')
      const others = bytesOf(await store.listParts(sql, upload), number)
      const { digest, sizeBytes } = await blobs.put(stream, { maxBytes: Math.max(uploadLimitBytes - others, 0), frees: true })
      await sql.transaction(async (tx) => {
        if (!(await store.findUpload(tx, id))) throw ended(id)
        if (bytesOf(await store.listParts(tx, upload), number) + sizeBytes > uploadLimitBytes) throw tooLarge(uploadLimitBytes)
        await store.savePart(tx, upload, { number, digest, size_bytes: sizeBytes })
      })
      return digest
    },
    async complete(project, id, path, sent) {
      const upload = await needUpload(store, sql, project, id)
      if (upload.path !== path) throw new AppError('invalid', `upload ${id} is for ${upload.path}, not for ${path}`)
      const parts = chosenParts(await store.listParts(sql, upload), sent)
      const file = await artifacts.put(project, path, joined(blobs, parts))
      await sql.transaction((tx) => store.deleteUpload(tx, upload))
      return file
    },
    async abort(project, id) {
      const upload = await store.findUpload(sql, id)
      if (upload?.project === project) await sql.transaction((tx) => store.deleteUpload(tx, upload))
    },
  }
}

/** What the parts other than this one have together: a part sent again takes the place of the one before. */
function bytesOf(parts: readonly Part[], except: number): number {
  return parts.reduce((sum, part) => (part.number === except ? sum : sum + part.size_bytes), 0)
}

function tooLarge(limitBytes: number): AppError {
  return new AppError('too_large', `the parts are larger together than the limit of ${limitBytes} bytes`, { limitBytes })
}

async function needUpload(store: Store, sql: Sql, project: string, id: string): Promise<Upload> {
  const upload = await store.findUpload(sql, id)
  if (upload?.project !== project) throw ended(id)
  return upload
}

function ended(id: string): AppError {
  return new AppError('not_found', `there is no open upload ${id}; it was completed, aborted or given up`)
}

/** The parts in the order of their numbers. Throws `invalid` for one that was never taken, or is another than the one sent. */
function chosenParts(taken: readonly Part[], sent: readonly SentPart[]): readonly Part[] {
  if (sent.length === 0) throw new AppError('invalid', 'an upload is completed with the list of its parts')
  if (new Set(sent.map((part) => part.number)).size !== sent.length) throw new AppError('invalid', 'a part is named twice')
  const byNumber = new Map(taken.map((part) => [part.number, part]))
  return [...sent]
    .sort((a, b) => a.number - b.number)
    .map(({ number, digest }) => {
      const part = byNumber.get(number)
      if (part?.digest !== digest) throw new AppError('invalid', `part ${number} with the tag ${digest} was never taken; send it again`)
      return part
    })
}

async function* joined(blobs: Blobs, parts: readonly Part[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* (await blobs.get(part.digest)).stream
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
