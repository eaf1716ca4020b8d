import { createHash } from 'node:crypto'
import { folderOf } from '../../lib/artifact-path.ts'
import type { HubFile, Snapshot } from './snapshots.ts'

type Lfs = { readonly oid: string; readonly size: number; readonly pointerSize: number }
type Entry =
  | { readonly type: 'file'; readonly path: string; readonly size: number; readonly oid: string; readonly lfs: Lfs }
  | { readonly type: 'directory'; readonly path: string; readonly size: 0; readonly oid: string }

/** A file as the Hub lists it: kept as a large file, so that clients check it against its SHA-256. */
function fileEntry({ path, digest, sizeBytes }: HubFile): Entry {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${digest}\nsize ${sizeBytes}\n`
  const oid = createHash('sha1').update(`blob ${pointer.length}\0${pointer}`).digest('hex')
  return { type: 'file', oid, size: sizeBytes, path, lfs: { oid: digest, size: sizeBytes, pointerSize: pointer.length } }
}

/** What lies in a folder of a commit, by path: with `recursive` at any depth. Nothing where there is no such folder. */
export function treeOf({ files }: Snapshot, folder: string, recursive: boolean): Entry[] | undefined {
  const inside = folder === '' ? '' : `${folder}/`
  const below = [...files.values()].filter((file) => file.path.startsWith(inside))
  if (below.length === 0 && folder !== '') return undefined
  const entries = below.filter((file) => recursive || folderOf(file.path) === folder).map(fileEntry)
  for (const path of foldersIn(below, folder, recursive)) entries.push(folderEntry(path, below))
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function folderEntry(path: string, files: readonly HubFile[]): Entry {
  const hash = createHash('sha1').update(path)
  for (const file of files) if (file.path.startsWith(`${path}/`)) hash.update(`\n${file.path} ${file.digest}`)
  return { type: 'directory', oid: hash.digest('hex'), size: 0, path }
}

function foldersIn(files: readonly HubFile[], folder: string, recursive: boolean): Set<string> {
  const found = new Set<string>()
  for (const { path } of files)
    for (let above = folderOf(path); above.length > folder.length && !found.has(above); above = folderOf(above))
      if (recursive || folderOf(above) === folder) found.add(above)
  return found
}

/** Entries for the paths that are there, files and folders. */
export function entriesAt(snapshot: Snapshot, paths: readonly string[]): Entry[] {
  const all = [...snapshot.files.values()]
  return paths.flatMap((path) => {
    const file = snapshot.files.get(path)
    if (file) return [fileEntry(file)]
    return path !== '' && all.some((one) => one.path.startsWith(`${path}/`)) ? [folderEntry(path, all)] : []
  })
}

const libraries: Readonly<Record<string, string>> = {
  sklearn: 'sklearn',
  transformers: 'transformers',
  sentence_transformers: 'sentence-transformers',
  pytorch: 'pytorch',
  keras: 'keras',
  tensorflow: 'keras',
  xgboost: 'xgboost',
  lightgbm: 'lightgbm',
  onnx: 'onnx',
}

/** A model as the Hub describes it. With `blobs` its files are told with size and digest. */
export function modelInfo(project: string, { version, commit, files }: Snapshot, blobs: boolean) {
  const id = `${project}/${version.model}`
  const library = [...version.flavors, version.format].find((flavor) => Object.hasOwn(libraries, flavor))
  return {
    _id: commit.slice(0, 24),
    id,
    modelId: id,
    author: project,
    sha: commit,
    private: true,
    gated: false,
    disabled: false,
    downloads: 0,
    likes: 0,
    createdAt: isoTime(version.createdAt),
    lastModified: isoTime(version.updatedAt),
    tags: [...new Set([version.format, ...version.flavors, `stage:${version.stage}`, `version:${version.version}`])],
    ...(library === undefined ? {} : { library_name: libraries[library] }),
    config: {},
    spaces: [],
    siblings: [...files.values()].map((file) => {
      if (!blobs) return { rfilename: file.path }
      const entry = fileEntry(file)
      return {
        rfilename: file.path,
        size: file.sizeBytes,
        blobId: entry.oid,
        lfs: { sha256: file.digest, size: file.sizeBytes, pointerSize: entry.type === 'file' ? entry.lfs.pointerSize : 0 },
      }
    }),
    usedStorage: [...files.values()].reduce((sum, file) => sum + file.sizeBytes, 0),
  }
}

/** The Hub’s clients read a time with its milliseconds and `Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
