import { stringify } from 'yaml'
import type { Document } from '../../contract/documents.ts'
import { Manifest } from '../../contract/kinds.ts'
import { kebabCase } from '../operations/fields.ts'

/** A document as a file that applies unchanged; who applied it and why stand above it as a comment. */
export function yamlFrom(document: Document): string {
  const { apiVersion, kind, metadata, spec } = document
  const { labels, ...names } = metadata
  const file = { apiVersion, kind, metadata: { ...names, ...(Object.keys(labels).length > 0 ? { labels } : {}) }, spec }
  const comment = `version ${document.version}, applied ${new Date(document.appliedAt).toISOString()} by ${document.appliedBy}: ${document.reason}`
  return `# ${comment.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')}\n${stringify(file)}`
}

export function yamlStream(documents: readonly Document[]): string {
  return documents.map(yamlFrom).join('---\n')
}

/** The file that a document is exported to. Its name was checked by the server; it is checked again, since it becomes a path. */
export function fileNameOf(document: Document): string {
  const { apiVersion, kind, metadata, spec } = document
  const { name } = Manifest.parse({ apiVersion, kind, metadata, spec }).metadata
  return `${kebabCase(kind).replace(/^-/, '')}-${name}.yaml`
}
