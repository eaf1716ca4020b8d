import fs from 'node:fs'
import path from 'node:path'
import { LineCounter, parseAllDocuments, type Document as YamlDocument } from 'yaml'
import type { z } from 'zod'
import { messageFrom } from '../../contract/errors.ts'
import { Kind, type KindName, kinds, Manifest } from '../../contract/kinds.ts'
import { usageError } from '../failures.ts'
import { nearest } from './nearest.ts'

const MOST_DOCUMENTS = 500
const EXTENSIONS = /\.(ya?ml|json)$/

/**
 * Every document in the files and folders named, checked against its kind. Throws one usage error that lists each problem
 * with file, line and fix, so that nothing is applied when anything is wrong.
 */
export function readManifests(named: readonly string[], folder: string, input = ''): Manifest[] {
  const problems: string[] = []
  const seen = new Map<string, string>()
  const manifests: Manifest[] = []
  for (const name of named) {
    for (const { shown, text } of name === '-' ? [{ shown: 'standard input', text: input }] : textsOf(name, folder, problems)) {
      for (const { manifest, at } of manifestsIn(text, shown, problems)) {
        const key = `${manifest.kind} ${manifest.metadata.name}`
        const before = seen.get(key)
        if (before) problems.push(`${at}: ${key} is declared already in ${before}; keep one of them`)
        seen.set(key, at)
        manifests.push(manifest)
      }
    }
  }
  if (problems.length === 0 && manifests.length === 0)
    problems.push(`no document in ${named.join(', ')}; files end in .yaml, .yml or .json`)
  if (manifests.length > MOST_DOCUMENTS)
    problems.push(`${manifests.length} documents at once; apply at most ${MOST_DOCUMENTS}, folder by folder`)
  if (problems.length > 0)
    throw usageError(problems.length === 1 ? problems[0]! : `${problems.length} problems, nothing was applied\n  ${problems.join('\n  ')}`)
  return manifests
}

function textsOf(name: string, folder: string, problems: string[]): { shown: string; text: string }[] {
  const full = path.resolve(folder, name)
  try {
    const files = fs.statSync(full).isDirectory()
      ? fs
          .readdirSync(full, { recursive: true, encoding: 'utf8' })
          .filter((file) => EXTENSIONS.test(file))
          .sort()
          .map((file) => path.join(name, file))
      : [name]
    return files.map((file) => ({ shown: file, text: fs.readFileSync(path.resolve(folder, file), 'utf8') }))
  } catch (error) {
    problems.push(`${name}: ${(error as { code?: string }).code === 'ENOENT' ? 'there is no such file or folder' : messageFrom(error)}`)
    return []
  }
}

function manifestsIn(text: string, file: string, problems: string[]): { manifest: Manifest; at: string }[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document) => {
    const lineOf = (path: readonly PropertyKey[]) => `${file}:${lines.linePos(offsetOf(document, path)).line}`
    for (const { pos, message } of [...document.errors, ...document.warnings])
      problems.push(`${file}:${lines.linePos(pos[0]).line}: ${message}`)
    if (document.errors.length > 0) return []
    const { value, problem } = unfolded(document)
    if (problem !== undefined) problems.push(`${lineOf([])}: ${problem}`)
    if (value === null || problem !== undefined) return []
    const parsed = Manifest.safeParse(value)
    const issues = parsed.success ? specIssues(parsed.data) : parsed.error.issues
    for (const issue of issues) problems.push(`${lineOf(issue.path)}: ${issueText(issue, value)}`)
    return parsed.success && issues.length === 0 ? [{ manifest: parsed.data, at: lineOf([]) }] : []
  })
}

/** Aliases are resolved here, so that a few lines which would unfold into gigabytes are refused. */
function unfolded(document: YamlDocument): { value: unknown; problem?: string } {
  try {
    return { value: document.toJS() }
  } catch (error) {
    return { value: null, problem: messageFrom(error) }
  }
}

function specIssues({ kind, spec }: Manifest): z.core.$ZodIssue[] {
  const schema: z.ZodType = kinds[kind].spec
  const parsed = schema.safeParse(spec)
  return parsed.success ? [] : parsed.error.issues.map((issue) => ({ ...issue, path: ['spec', ...issue.path] }))
}

function issueText(issue: z.core.$ZodIssue, value: unknown): string {
  const path = issue.path.join('.')
  if (path === 'kind') {
    const given = (value as { kind?: unknown }).kind
    if (given === undefined) return `kind is missing; it is one of ${Kind.options.join(', ')}`
    const near = nearest(String(given), Kind.options)
    return `unknown kind "${given}"; ${near ? `did you mean ${near}?` : ''} there are ${Kind.options.join(', ')}`
  }
  if (path === 'apiVersion') return 'apiVersion must be setpoint/v1'
  if (issue.code === 'unrecognized_keys') return `${path ? `${path} has` : 'there are'} unknown fields: ${issue.keys.join(', ')}`
  return `${path || 'the document'}: ${issue.message}`
}

/** Where the value at a path begins, or the nearest value around it that is there. */
function offsetOf(document: YamlDocument, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const range = (node as { range?: readonly number[] | null } | null | undefined)?.range
    if (range) return range[0]!
  }
  return document.range?.[0] ?? 0
}

/** The kind a person means: any case, singular or plural. Throws a usage error listing the kinds. */
export function kindFrom(typed: string): KindName {
  const plain = typed.toLowerCase().replace(/[-_]/g, '')
  const found = Kind.options.find((kind) => kind.toLowerCase() === plain || pluralOf(kind.toLowerCase()) === plain)
  if (found) return found
  const near = nearest(typed, Kind.options)
  throw usageError(`unknown kind "${typed}"; ${near ? `did you mean ${near}? ` : ''}there are ${Kind.options.join(', ')}`)
}

function pluralOf(word: string): string {
  return word.endsWith('y') ? `${word.slice(0, -1)}ies` : `${word}s`
}
