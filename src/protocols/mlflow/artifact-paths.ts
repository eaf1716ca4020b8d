import { AppError } from '../../contract/errors.ts'
import { joinPath, readArtifactPath } from '../../lib/artifact-path.ts'
import { folderFromArtifactUri } from '../../lib/artifact-uri.ts'

/** A path from a client, in its one spelling. Throws with the protocol’s own two words; the reason is in the details. */
export function safePath(given: string): string {
  const read = readArtifactPath(given)
  if ('path' in read) return read.path
  throw new AppError('invalid', 'Invalid path', { path: given.slice(0, 200), problem: read.problem })
}

/** The folder that the address of a run’s or a model’s artifacts stands for. Throws when they lie in another store. */
export function folderAt(uri: string): string {
  const folder = folderFromArtifactUri(uri)
  if (folder !== undefined) return safePath(folder)
  throw new AppError(
    'invalid',
    `the artifacts at ${uri} lie in a store that only the client reads; this server serves those at mlflow-artifacts:/`,
  )
}

/** A path below the folder that an address stands for. */
export function pathAt(uri: string, path: string): string {
  return joinPath(folderAt(uri), path)
}
