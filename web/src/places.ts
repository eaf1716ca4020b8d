import { artifacts } from '../../src/contract/artifacts.ts'
import { drift } from '../../src/contract/drift.ts'
import { folderFromArtifactUri } from '../../src/lib/artifact-uri.ts'

/**
 * The folder of this server in which a model lies that a run logged: beside the folders of the experiment’s runs. Undefined
 * when the run keeps its files elsewhere.
 */
export function folderOfLoggedModel(artifactUri: string, runId: string, modelId: string): string | undefined {
  const folder = folderFromArtifactUri(artifactUri)
  const end = `${runId}/artifacts`
  return folder?.endsWith(end) ? `${folder.slice(0, -end.length)}models/${modelId}/artifacts` : undefined
}

/** The address at which the browser downloads a file. */
export function downloadAddress(base: string, path: string): string {
  return `${base}${artifacts.downloadFile.path}?${new URLSearchParams({ path })}`
}

/** The address of an operation of one version whose answer is bytes, such as its card or its model file. */
export function versionAddress(base: string, { path }: { path: string }, model: string, version: number): string {
  return base + path.replace(':model', encodeURIComponent(model)).replace(':version', String(version))
}

/** The address at which the browser downloads a monitor’s report as a page: of a stretch or, without one, of the window until now. */
export function reportAddress(base: string, monitor: string, stretch?: { readonly fromMs: number; readonly toMs: number }): string {
  const address = base + drift.downloadReport.path.replace(':monitor', encodeURIComponent(monitor))
  return stretch ? `${address}?fromMs=${stretch.fromMs}&toMs=${stretch.toMs}` : address
}

/** A path’s last name. */
export function lastNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
