import path from 'node:path'
import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { findAlias } from './alias-store.ts'
import { needModel, needVersion } from './needed.ts'
import type { Inspection, Origin, Places } from './places.ts'
import { pageVersions } from './store.ts'

/** Where a source leads: another version, or a place with files. */
export type Traced = {
  readonly source: string
  readonly storage: string
  readonly loggedModel: string | null
  readonly origin: Origin | undefined
  readonly copied: ModelVersion | undefined
  readonly inspection: Inspection | undefined
}

/** Follows the source of a version to its end. Throws `invalid` or `not_found` with what does not lead anywhere. */
export async function traceSource(
  { sql, places }: { readonly sql: Db; readonly places: Places },
  project: string,
  given: { readonly source: string; readonly runId?: string; readonly loggedModel?: string },
): Promise<Traced> {
  const { source } = given
  if (climbs(source))
    throw new AppError(
      'invalid',
      `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.`,
    )
  if (source.startsWith('models:/') && !/^models:\/m-[^/]*(?:\/|$)/.test(source)) {
    const copied = await versionFromUri(sql, project, source)
    const { model, version, storage, loggedModel } = copied
    return { source: `models:/${model}/${version}`, storage: storage ?? '', loggedModel, origin: undefined, copied, inspection: undefined }
  }
  const loggedModel = /^models:\/(m-[^/]+)/.exec(source)?.[1] ?? given.loggedModel
  if (loggedModel !== undefined) {
    const origin = await places.loggedModel(project, loggedModel)
    if (!origin)
      throw new AppError(
        'not_found',
        `Unable to fetch model from model URI source artifact location '${source}': there is no ${loggedModel}`,
      )
    if (isLocal(source)) checkInside(source, origin.artifactUri)
    const storage = source.startsWith('models:/') ? origin.artifactUri : source
    return { source, storage, loggedModel, origin, copied: undefined, inspection: await places.inspect(project, storage) }
  }
  const inRun = /^runs:\/([0-9a-f]{32})(?:\/(.*))?$/.exec(source)
  const runId = inRun?.[1] ?? given.runId
  const origin = runId === undefined ? undefined : await places.run(project, runId)
  if (inRun && !origin) throw new AppError('not_found', `Run with id=${runId} not found, so ${source} leads nowhere`)
  if (isLocal(source)) checkInside(source, origin?.artifactUri)
  const storage = inRun && origin ? [origin.artifactUri, inRun[2]].filter(Boolean).join('/') : source
  return { source, storage, loggedModel: null, origin, copied: undefined, inspection: await places.inspect(project, storage) }
}

/** The version that `models:/<name>/<number>`, `models:/<name>/latest` or `models:/<name>@<alias>` means. */
async function versionFromUri(sql: Db, project: string, uri: string): Promise<ModelVersion> {
  const match = /^models:\/([^/@]+)(?:\/(\d+|latest)|@([\w-]+))$/.exec(uri)
  if (!match)
    throw new AppError('invalid', `Invalid model version source: '${uri}'. Write models:/<name>/<version> or models:/<name>@<alias>.`)
  return await resolveRevision(sql, project, decodeURIComponent(match[1]!), match[2] ?? match[3]!)
}

/**
 * The version that a revision means: a number, `v` and a number, `latest`, `main` (the champion, else the latest), or an
 * alias. Throws `not_found` naming what the model has.
 */
export async function resolveRevision(sql: Db, project: string, model: string, revision: string): Promise<ModelVersion> {
  const number = /^v?(\d{1,9})$/i.exec(revision)?.[1]
  if (number !== undefined) return await needVersion(sql, project, model, Number(number))
  const { aliases } = await needModel(sql, project, model)
  const named = await findAlias(sql, project, model, revision === 'main' ? 'champion' : revision)
  if (named) return await needVersion(sql, project, model, named.version)
  if (revision === 'main' || revision === 'latest') {
    const [latest] = await pageVersions(sql, project, { model }, 1)
    if (latest) return latest
    throw new AppError('not_found', `model ${model} has no version yet`, { model })
  }
  const known = aliases.map(({ alias }) => alias).join(', ') || 'none'
  throw new AppError('not_found', `Registered model alias ${revision} not found: model ${model} has the aliases ${known}`, {
    model,
    revision,
  })
}

/** A path of this or that machine, with or without its scheme. */
function isLocal(uri: string): boolean {
  return uri.startsWith('file:') || !/^[a-z][a-z0-9+.-]*:/i.test(uri)
}

/** A path on a disk is taken only as what a run put there: else any file of a machine could be named a model. */
function checkInside(source: string, folder: string | undefined): void {
  const pathOf = (uri: string) => path.posix.normalize(uri.replace(/^file:(\/\/[^/]*)?/, ''))
  const inside = folder !== undefined && isLocal(folder) && `${pathOf(source)}/`.startsWith(`${pathOf(folder)}/`)
  if (inside) return
  throw new AppError(
    'invalid',
    `Invalid model version source: '${source}'. To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id.`,
  )
}

/** Whether a URI, decoded as often as it can be, has a part that leads upwards, or a NUL. */
function climbs(uri: string): boolean {
  let decoded = uri
  for (let round = 0; round < 5; round++) {
    if (decoded.includes('\0') || decoded.split(/[/\\]/).includes('..')) return true
    const next = decodedOnce(decoded)
    if (next === decoded) return false
    decoded = next
  }
  return true
}

function decodedOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
