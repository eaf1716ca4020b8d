import type { ModelDescription } from '../../../contract/artifacts.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import { folderOf } from '../../../lib/artifact-path.ts'
import { readLightgbm, readXgboost } from '../../../lib/model-files/boosted-trees.ts'
import { describeModelFolder, type FolderFile, type LookedAt } from '../../../lib/model-files/describe-folder.ts'
import { readGguf } from '../../../lib/model-files/gguf.ts'
import { MOST_MLMODEL_BYTES } from '../../../lib/model-files/mlmodel.ts'
import { FIRST_BYTES, type FileKind, recognise } from '../../../lib/model-files/recognise.ts'
import { readSafetensors, safetensorsHeaderEnd } from '../../../lib/model-files/safetensors.ts'
import type { ArtifactFile, Artifacts } from './artifacts.ts'

/** Files that are looked into; a model has fewer, and what has more is not looked into further. */
const MOST_LOOKED_AT = 2_000
/** How much of a file is held, and parsed in one go, at most. Longer headers are recognised and not read. */
const MOST_HEADER_BYTES: Readonly<Partial<Record<FileKind, number>>> = {
  safetensors: 8 << 20,
  gguf: 16 << 20,
  lightgbm: 4 << 20,
  xgboost: 8 << 20,
}

/**
 * Describes the model in a folder, or a single file of a model, from the beginnings of its files. Nothing is unpacked or
 * loaded. Throws `not_found` when there is no file.
 */
export async function inspectModel(
  { blobs, artifacts }: { blobs: Blobs; artifacts: Pick<Artifacts, 'walk' | 'stat'> },
  project: string,
  folder: string,
): Promise<ModelDescription> {
  const files = await filesBelow(artifacts, project, folder)
  const looked: LookedAt[] = []
  for (const [i, file] of files.entries()) looked.push(i < MOST_LOOKED_AT ? await lookAt(blobs, file) : { ...file, kind: 'other' })
  const mlmodel = files.find((file) => file.path === 'MLmodel')
  const described = describeModelFolder(looked, mlmodel && (await startOf(blobs, mlmodel, MOST_MLMODEL_BYTES + 1)))
  if (files.length <= MOST_LOOKED_AT) return described
  const problem = `only the first ${MOST_LOOKED_AT} of ${files.length} files were looked at`
  return { ...described, problems: [...described.problems, { path: '', problem }] }
}

/** The files below a folder, or the one file, with their paths from the folder on, by path. Throws `not_found` when there is none. */
export async function filesBelow(artifacts: Pick<Artifacts, 'walk' | 'stat'>, project: string, given: string): Promise<FolderFile[]> {
  const at = await artifacts.stat(project, given)
  if (at?.digest) return [from({ ...at, digest: at.digest }, folderOf(at.path))]
  const files: FolderFile[] = []
  for await (const file of artifacts.walk(project, given)) files.push(from(file, at?.path ?? ''))
  if (files.length === 0) throw new AppError('not_found', `there is no file below ${given}`)
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function from({ path, digest, sizeBytes }: ArtifactFile, folder: string): FolderFile {
  return { path: folder === '' ? path : path.slice(folder.length + 1), digest, sizeBytes }
}

async function lookAt(blobs: Blobs, file: FolderFile): Promise<LookedAt> {
  const start = await startOf(blobs, file, FIRST_BYTES)
  const kind = recognise(file.path, start)
  switch (kind) {
    case 'safetensors':
      return { ...file, kind, ...(await lookAtSafetensors(blobs, file, start)) }
    case 'gguf': {
      const read = readGguf(await headOf(blobs, file, kind))
      if ('problem' in read) return { ...file, kind, ...read }
      const { complete, ...weights } = read
      return {
        ...file,
        kind,
        weights,
        ...(complete ? {} : { problem: 'the header goes on beyond what was read, or the file was cut short' }),
      }
    }
    case 'lightgbm':
    case 'xgboost': {
      if (kind === 'xgboost' && file.sizeBytes > MOST_HEADER_BYTES.xgboost!) return { ...file, kind }
      const read = (kind === 'lightgbm' ? readLightgbm : readXgboost)(await headOf(blobs, file, kind))
      return 'problem' in read ? { ...file, kind, ...read } : { ...file, kind, trees: read }
    }
    default:
      return { ...file, kind }
  }
}

async function lookAtSafetensors(blobs: Blobs, file: FolderFile, start: Uint8Array): Promise<Partial<LookedAt>> {
  const end = safetensorsHeaderEnd(start, file.sizeBytes)
  if ('problem' in end) return end
  if (end.bytes > MOST_HEADER_BYTES.safetensors!) return { problem: `the header of ${end.bytes} bytes is too long to be read here` }
  const read = readSafetensors(await startOf(blobs, file, end.bytes), file.sizeBytes)
  return 'problem' in read ? read : { weights: read }
}

function headOf(blobs: Blobs, file: FolderFile, kind: FileKind): Promise<Uint8Array> {
  return startOf(blobs, file, MOST_HEADER_BYTES[kind] ?? FIRST_BYTES)
}

/** The first bytes of a file; all of it, verified, when it is no longer than that. */
async function startOf(blobs: Blobs, { digest, sizeBytes }: FolderFile, most: number): Promise<Uint8Array> {
  const range = sizeBytes <= most ? undefined : { first: 0, last: most - 1 }
  const pieces: Uint8Array[] = []
  for await (const piece of (await blobs.get(digest, range)).stream) pieces.push(piece)
  return Buffer.concat(pieces)
}
