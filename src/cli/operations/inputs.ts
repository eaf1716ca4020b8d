import type { z } from 'zod'
import type { Endpoint } from '../../contract/endpoint.ts'
import { usageError } from '../failures.ts'
import type { Shell } from '../shell.ts'
import { bodyFrom } from './bytes.ts'
import type { Field } from './fields.ts'
import { shownName, valueFrom } from './values.ts'

type Typed = Readonly<Record<string, string | boolean | undefined>>

/**
 * The inputs of an operation from what was typed: values of the path stand in its order, or are given by name; the rest
 * are options. Throws a usage error naming every field that is missing or breaks the contract’s rules.
 */
export function inputsFrom(
  endpoint: Endpoint,
  fields: readonly Field[],
  positions: readonly string[],
  options: Typed,
  shell: Pick<Shell, 'folder' | 'input' | 'terminal' | 'now'>,
): Record<string, unknown> {
  const inputs: Record<string, unknown> = {}
  const standing = [...positions]
  for (const field of fields) {
    const typed = options[field.name] ?? (field.inPath ? standing.shift() : undefined)
    if (typed !== undefined)
      inputs[field.name] = field.kind === 'bytes' ? bodyFrom(String(typed), shell as Shell) : valueFrom(field, typed, shell.folder)
  }
  if (standing.length > 0) throw usageError(`"${standing[0]}" is one value too many`)
  const missing = fields.filter((field) => field.required && inputs[field.name] === undefined)
  if (missing.length > 0)
    throw usageError(
      `missing: ${missing.map((field) => `${shownName(field)}${field.choices.length > 0 ? ` (${field.choices.join(', ')})` : ''}`).join(', ')}`,
    )
  const parsed = endpoint.input.safeParse(inputs)
  if (!parsed.success) throw usageError(parsed.error.issues.map((issue) => issueText(issue, fields)).join('\n       '))
  return inputs
}

function issueText(issue: z.core.$ZodIssue, fields: readonly Field[]): string {
  const [name, ...inner] = issue.path
  const field = fields.find((one) => one.name === name)
  const where = field ? shownName(field) : String(name ?? 'input')
  return `${where}${inner.length > 0 ? ` at ${inner.join('.')}` : ''}: ${issue.message}`
}
