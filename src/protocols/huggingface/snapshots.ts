import { createHash } from 'node:crypto'
import { AppError } from '../../contract/errors.ts'
import type { ModelVersion } from '../../contract/model-record.ts'
import { readArtifactPath } from '../../lib/artifact-path.ts'
import { folderFromArtifactUri } from '../../lib/artifact-uri.ts'
import type { Artifacts } from '../../modules/models/artifacts/index.ts'
import type { Registry } from '../../modules/models/registry/index.ts'

export type HubFile = { readonly path: string; readonly digest: string; readonly sizeBytes: number }
/** A version as a commit: what it holds, under an id made of exactly that. */
export type Snapshot = {
  readonly commit: string
  readonly version: ModelVersion
  /** By path. */
  readonly files: ReadonlyMap<string, HubFile>
}

export type Snapshots = {
  /**
   * What a revision means: a number, `v3`, an alias, `main` (the champion, else the latest), `latest`, or the id of a
   * commit. Throws `not_found` with the Hub’s code for what is missing.
   */
  find(project: string, model: string, revision: string): Promise<Snapshot>
  /** The commits of the newest versions, newest first. */
  newest(project: string, model: string): Promise<Snapshot[]>
}

type Deps = {
  readonly registry: Pick<Registry, 'modelOf' | 'resolveRevision' | 'version' | 'newestVersions'>
  readonly artifacts: Pick<Artifacts, 'walk' | 'filesOfTree'>
}

const MOST_FILES = 10_000
/** Versions that are looked through for a commit that is not remembered. */
const MOST_VERSIONS = 200
const MOST_REMEMBERED_FILES = 100_000
const MAIN = new Set(['main', 'HEAD', 'refs/heads/main'])

/** Versions of the registry as the Hub’s repositories and commits. A commit, once named, always means the same files. */
export function createSnapshots({ registry, artifacts }: Deps): Snapshots {
  const remembered = createMemory()

  async function snapshotOf(project: string, version: ModelVersion): Promise<Snapshot> {
    const files = new Map((await filesOf(project, version)).map((file) => [file.path, file]))
    const snapshot = { commit: commitOf(version, files), version, files }
    remembered.add(project, snapshot)
    return snapshot
  }

  async function filesOf(project: string, version: ModelVersion): Promise<HubFile[]> {
    const { artifact } = version.manifest
    if (artifact !== undefined) {
      const frozen = await artifacts.filesOfTree(project, artifact)
      if (frozen.length > MOST_FILES) throw tooMany(version)
      if (frozen.length > 0) return frozen
    }
    const folder = version.storage === null ? undefined : folderFromArtifactUri(version.storage)
    const read = folder === undefined ? undefined : readArtifactPath(folder)
    if (read && 'path' in read) {
      const files: HubFile[] = []
      const below = read.path === '' ? 0 : read.path.length + 1
      for await (const { path, digest, sizeBytes } of artifacts.walk(project, read.path)) {
        files.push({ path: path.slice(below), digest, sizeBytes })
        if (files.length > MOST_FILES) throw tooMany(version)
      }
      if (files.length > 0) return files.sort((a, b) => (a.path < b.path ? -1 : 1))
    }
    return version.digest === null ? [] : [{ path: 'model.onnx', digest: version.digest, sizeBytes: version.sizeBytes ?? 0 }]
  }

  async function newestVersions(project: string, model: string): Promise<ModelVersion[]> {
    await needModel(project, model)
    return (await registry.newestVersions(project, model, MOST_VERSIONS)).filter((version) => version.format !== 'prompt')
  }

  async function needModel(project: string, model: string): Promise<void> {
    await hubCode('RepoNotFound', () => registry.modelOf(project, model))
  }

  async function findCommit(project: string, model: string, commit: string): Promise<Snapshot> {
    const known = remembered.find(project, model, commit)
    // A version that was deleted is gone at once, also for who remembers its commit.
    if (known)
      return { ...known, version: await hubCode('RevisionNotFound', () => registry.version(project, model, known.version.version)) }
    for (const version of await newestVersions(project, model)) {
      const snapshot = await snapshotOf(project, version)
      if (snapshot.commit === commit) return snapshot
    }
    throw new AppError('not_found', `model ${model} has no commit ${commit}`, { hubCode: 'RevisionNotFound' })
  }

  return {
    async find(project, model, revision) {
      if (/^[0-9a-f]{40}$/.test(revision)) return await findCommit(project, model, revision)
      await needModel(project, model)
      const meant = MAIN.has(revision) ? 'main' : revision
      const version = await hubCode('RevisionNotFound', () => registry.resolveRevision(project, model, meant))
      if (version.format === 'prompt') throw new AppError('not_found', `${model} is a prompt, not a model`, { hubCode: 'RepoNotFound' })
      return await snapshotOf(project, version)
    },
    async newest(project, model) {
      return await Promise.all((await newestVersions(project, model)).slice(0, 50).map((version) => snapshotOf(project, version)))
    },
  }
}

function tooMany({ model, version }: ModelVersion): AppError {
  return new AppError('too_large', `model ${model} version ${version} has more than ${MOST_FILES} files; download its folder instead`)
}

/** Runs a look-up; what it does not find is told in the Hub’s own code, by which clients tell the cases apart. */
async function hubCode<T>(code: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (thrown) {
    if (!(thrown instanceof AppError && thrown.code === 'not_found')) throw thrown
    throw new AppError('not_found', thrown.message, { hubCode: code }, thrown)
  }
}

function commitOf({ model, version }: ModelVersion, files: ReadonlyMap<string, HubFile>): string {
  const hash = createHash('sha256').update(JSON.stringify([model, version]))
  for (const { path, digest } of files.values()) hash.update(JSON.stringify([path, digest]))
  return hash.digest('hex').slice(0, 40)
}

/** The commits asked for last: a client that fetches a version names its commit once for every file. */
function createMemory() {
  const kept = new Map<string, Snapshot>()
  let files = 0
  const keyOf = (project: string, model: string, commit: string) => JSON.stringify([project, model, commit])
  return {
    add(project: string, snapshot: Snapshot): void {
      const key = keyOf(project, snapshot.version.model, snapshot.commit)
      if (!kept.has(key)) files += snapshot.files.size + 1
      kept.delete(key)
      kept.set(key, snapshot)
      for (const [oldest, { files: its }] of kept) {
        if (files <= MOST_REMEMBERED_FILES || oldest === key) break
        kept.delete(oldest)
        files -= its.size + 1
      }
    },
    find: (project: string, model: string, commit: string) => kept.get(keyOf(project, model, commit)),
  }
}
