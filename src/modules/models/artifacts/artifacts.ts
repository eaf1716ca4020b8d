import type { ArtifactEntry, artifacts, ModelDescription } from '../../../contract/artifacts.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Blobs, ByteRange } from '../../../infra/blobs/blobs.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { folderOf, nameOf, readArtifactPath } from '../../../lib/artifact-path.ts'
import { mediaTypeOf } from '../../../lib/media-type.ts'
import type { FolderFile } from '../../../lib/model-files/describe-folder.ts'
import { filesBelow, inspectModel } from './inspect.ts'
import { createStore, type Entry, type Store } from './store.ts'
import { filesOfFrozen, filesOfTree, freezeTree } from './trees.ts'

/** A file of the tree: its path from the root of the project, the SHA-256 of its content, its size. */
export type ArtifactFile = { readonly path: string; readonly digest: string; readonly sizeBytes: number; readonly updatedAt: number }
/** `read` gives the content, verified; `send` gives it, or a part of it, in pieces whose memory is used again: see `Blobs`. */
type OpenFile = ArtifactFile & {
  read(): Promise<AsyncIterable<Uint8Array>>
  send(write: (piece: Uint8Array) => Promise<void>, range?: ByteRange): Promise<void>
}

type Contract = Omit<Verbs<typeof artifacts>, 'collectGarbage'>
export type Artifacts = Contract & {
  /**
   * Stores a stream under a path, replacing a file that is there; it survives power loss when the promise resolves, and
   * nothing of it is there before. Throws `invalid` for a path that climbs, `conflict` where a file and a folder meet,
   * `too_large`, and what the stream throws. `frees` as for `Blobs`.
   */
  put(project: string, path: string, stream: AsyncIterable<Uint8Array>, options?: { readonly frees?: boolean }): Promise<ArtifactFile>
  /** Puts content that is stored already under a path. Throws as `put` does, and `not_found` when no such content is stored. */
  link(project: string, path: string, content: { readonly digest: string; readonly sizeBytes: number }): Promise<ArtifactFile>
  /** Finds a file to read; throws `not_found`, or `invalid` when the path is a folder. */
  open(project: string, path: string): Promise<OpenFile>
  /** What is at a path; undefined when nothing is. The root is a folder. */
  stat(project: string, path: string): Promise<ArtifactEntry | undefined>
  /** All that lies directly in a folder, by path. Nothing for a file or what is not there. Throws `too_large`. */
  list(project: string, folder: string): Promise<ArtifactEntry[]>
  /** Every file below a folder, at any depth. */
  walk(project: string, folder: string): AsyncIterable<ArtifactFile>
  /** Removes a file, or a folder with all in it; answers how many files that were. */
  remove(project: string, path: string): Promise<number>
  /**
   * To be called before a digest is written into a table of another module: keeps the content from being collected in
   * between. Throws `not_found` naming the first that is not stored.
   */
  hold(digests: readonly string[]): Promise<void>
  /** What kind of model a folder, or a single file, holds. Throws `not_found` when there is no file. */
  inspect(project: string, folder: string): Promise<ModelDescription>
  /**
   * Keeps a folder, or a single file, as it is now, for whoever writes the id answered into a row of its own: the tree and
   * its content stay as long as that row does. Throws `not_found` when there is no file, `too_large`.
   */
  freeze(project: string, folder: string): Promise<string>
  /** The files of a frozen tree, by their paths from the folder on; none when there is no such tree. */
  filesOfTree(project: string, tree: string): Promise<FolderFile[]>
  /** The same for whoever holds the id of the tree from a record of the project that froze it. */
  filesOfFrozen(tree: string): Promise<FolderFile[]>
}

type Deps = { readonly sql: Sql; readonly blobs: Blobs; readonly clock: Clock; readonly uploadLimitBytes: number }

const PAGE = 1_000
/** More than this in one folder cannot be listed at once; the contract’s `listFiles` goes page by page. */
const MOST_LISTED = 100_000

export function createArtifacts(deps: Deps): Artifacts {
  const { sql, blobs, uploadLimitBytes } = deps
  const store = createStore(sql)
  const link = createLink(deps, store)

  async function* pages(project: string, folder: string): AsyncGenerator<Entry[]> {
    for (let after: string | undefined, more = true; more; ) {
      const page = await store.page(sql, project, folder, after, PAGE)
      yield page
      after = page.at(-1)?.path
      more = page.length === PAGE
    }
  }

  async function* walk(project: string, given: string): AsyncGenerator<ArtifactFile> {
    const folders = [pathFrom(given)]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for await (const page of pages(project, folder)) {
        for (const entry of page) {
          if (entry.digest === null) folders.push(entry.path)
          else yield fileFrom(entry)
        }
      }
    }
  }

  async function stat(project: string, given: string): Promise<ArtifactEntry | undefined> {
    const path = pathFrom(given)
    if (path === '') return { path, isFolder: true, digest: null, sizeBytes: 0, updatedAt: 0 }
    const found = await store.find(sql, project, path)
    return found && entryFrom(found)
  }

  const files: Omit<Artifacts, keyof Contract> = {
    link,
    walk,
    stat,
    async put(project, path, stream, { frees = false } = {}) {
      await refuseMeeting(store, sql, project, filePathFrom(path))
      return await link(project, path, await blobs.put(stream, { maxBytes: uploadLimitBytes, frees }), true)
    },
    async open(project, path) {
      const found = await store.find(sql, project, pathFrom(path))
      if (!found) throw new AppError('not_found', `No such artifact: '${path}'; "setpoint artifacts list-files" shows what there is`)
      if (found.digest === null) throw new AppError('invalid', `Artifact path refers to a directory, not a file: '${path}'`)
      const file = fileFrom(found)
      return {
        ...file,
        read: async () => (await blobs.get(file.digest)).stream,
        send: (write, range) => blobs.send(file.digest, write, range),
      }
    },
    async list(project, folder) {
      const listed: ArtifactEntry[] = []
      for await (const page of pages(project, pathFrom(folder))) {
        listed.push(...page.map(entryFrom))
        if (listed.length > MOST_LISTED)
          throw new AppError('too_large', `the folder ${folder} holds more than ${MOST_LISTED} files; put them into folders of their own`)
      }
      return listed.sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    remove: (project, path) => sql.transaction((tx) => store.removeTree(tx, project, pathFrom(path))),
    async hold(digests) {
      for (const digest of digests)
        if (!(await blobs.has(digest))) throw new AppError('not_found', `no content with digest ${digest} is stored; upload it first`)
    },
    inspect: (project, folder) => inspectModel({ blobs, artifacts: files }, project, folder),
    async freeze(project, folder) {
      const frozen = await filesBelow(files, project, folder)
      await files.hold(frozen.map((file) => file.digest))
      return await freezeTree(deps, project, frozen)
    },
    filesOfTree: (project, tree) => filesOfTree(sql, project, tree),
    filesOfFrozen: (tree) => filesOfFrozen(sql, tree),
  }
  return { ...files, ...verbsOf(deps, store, files) }
}

/** The verbs of the contract, from the functions other modules use. */
function verbsOf({ sql }: Deps, store: Store, files: Omit<Artifacts, keyof Contract>): Contract {
  return {
    async listFiles({ folder, after, limit }, caller) {
      return (await store.page(sql, caller.project, pathFrom(folder), after, limit)).map(entryFrom)
    },
    async uploadFile({ path, body }, caller) {
      return { ...(await files.put(caller.project, path, body, { frees: true })), isFolder: false }
    },
    async downloadFile({ path }, caller) {
      const file = await files.open(caller.project, path)
      const { digest, sizeBytes } = file
      return { contentType: mediaTypeOf(file.path), filename: nameOf(file.path), sizeBytes, digest, stream: await file.read() }
    },
    async removeFiles({ path }, caller) {
      return { files: await files.remove(caller.project, path) }
    },
    async measureFolder({ folder }, caller) {
      if (pathFrom(folder) === '') return await store.total(sql, caller.project)
      const total = { files: 0, sizeBytes: 0 }
      for await (const file of files.walk(caller.project, folder)) {
        total.files += 1
        total.sizeBytes += file.sizeBytes
      }
      return total
    },
    async verifyFolder({ folder }, caller) {
      const { signal } = caller
      const checked = { files: 0, sizeBytes: 0, damaged: [] as { path: string; problem: string }[] }
      for await (const { path, sizeBytes } of files.walk(caller.project, folder)) {
        signal?.throwIfAborted()
        const problem = await problemOf(() => files.open(caller.project, path))
        checked.files += 1
        checked.sizeBytes += sizeBytes
        if (problem !== undefined) checked.damaged.push({ path, problem })
      }
      return checked
    },
    describeModel: ({ folder }, caller) => files.inspect(caller.project, folder),
  }
}

/** Reads a file to its end; what is wrong with it, if anything is. */
async function problemOf(open: () => Promise<OpenFile>): Promise<string | undefined> {
  try {
    await (await open()).send(async () => {})
    return undefined
  } catch (thrown) {
    return messageFrom(thrown)
  }
}

/** `fresh` content was stored this moment and needs no look. */
function createLink({ sql, blobs, clock }: Deps, store: Store) {
  return async (
    project: string,
    given: string,
    { digest, sizeBytes }: { readonly digest: string; readonly sizeBytes: number },
    fresh = false,
  ): Promise<ArtifactFile> => {
    const path = filePathFrom(given)
    if (!fresh && !(await blobs.has(digest))) throw new AppError('not_found', `no content with digest ${digest} is stored; upload it first`)
    return await sql.transaction(async (tx) => {
      const nowMs = clock.now()
      const file = await store.needFolders(tx, project, foldersAbove(path), nowMs)
      if (file !== undefined) throw meeting(file, 'file', path)
      if (!(await store.saveFile(tx, project, path, { digest, sizeBytes, nowMs }))) throw meeting(path, 'folder', path)
      return { path, digest, sizeBytes, updatedAt: nowMs }
    })
  }
}

/** Refuses before the content is taken in what would be refused after; the transaction that follows decides. */
async function refuseMeeting(store: Store, sql: Sql, project: string, path: string): Promise<void> {
  if ((await store.find(sql, project, path))?.digest === null) throw meeting(path, 'folder', path)
}

function meeting(at: string, is: 'file' | 'folder', path: string): AppError {
  return new AppError('conflict', `${path} cannot be stored: ${at} is a ${is} already; remove it or choose another path`, {
    path: at,
    errorCode: 'INVALID_PARAMETER_VALUE',
  })
}

/** Throws `invalid` saying what is wrong with the path. */
function pathFrom(given: string): string {
  const read = readArtifactPath(given)
  if ('path' in read) return read.path
  throw new AppError('invalid', `the path ${JSON.stringify(given.slice(0, 200))} ${read.problem}; use names joined by "/"`)
}

function filePathFrom(given: string): string {
  const path = pathFrom(given)
  if (path === '') throw new AppError('invalid', 'a file needs a name; the path given is the root')
  return path
}

function foldersAbove(path: string): string[] {
  const folders: string[] = []
  for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder)) folders.unshift(folder)
  return folders
}

function fileFrom(entry: Entry): ArtifactFile {
  return { path: entry.path, digest: entry.digest!, sizeBytes: entry.size_bytes, updatedAt: entry.updated_at }
}

function entryFrom(entry: Entry): ArtifactEntry {
  const { path, digest, size_bytes: sizeBytes, updated_at: updatedAt } = entry
  return { path, isFolder: digest === null, digest, sizeBytes, updatedAt }
}
