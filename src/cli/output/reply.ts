import type { Endpoint } from '../../contract/endpoint.ts'
import type { Shell } from '../shell.ts'
import { blockText } from './block.ts'
import { outputSchema, tableOf } from './columns.ts'
import { type Table, tableText } from './table.ts'
import { printable } from './text.ts'

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** Prints a reply: exactly as it came with `--json`, else as a table or a block for people. */
export async function printReply(reply: unknown, endpoint: Endpoint, shell: Shell, json: boolean): Promise<void> {
  if (json) return shell.terminal.out(jsonText(reply))
  if (Array.isArray(reply)) return printTable(tableOf(reply, outputSchema(endpoint).items, shell.now()), shell)
  if (typeof reply !== 'object' || reply === null) return shell.terminal.out(`${printable(String(reply))}\n`)
  await shell.terminal.out(blockText(reply as Record<string, unknown>, shell.terminal, shell.now()))
}

/** Prints a table; says on the other stream when it is empty, and which columns found no room. */
export async function printTable(table: Table, shell: Shell): Promise<void> {
  if (table.rows.length === 0) return shell.terminal.note('none\n')
  const { text, hidden } = tableText(table, shell.terminal)
  await shell.terminal.out(text)
  if (hidden.length > 0) shell.terminal.note(`not shown for want of room: ${hidden.join(', ')}; --json prints everything\n`)
}

/** One event of a stream as one line. */
export function eventLine(event: unknown, json: boolean): string {
  if (json) return `${JSON.stringify(event)}\n`
  const { at, name, subject, data } = event as { at?: number; name?: string; subject?: string; data?: unknown }
  if (typeof at !== 'number' || name === undefined) return `${printable(JSON.stringify(event))}\n`
  const details = data === undefined ? '' : `  ${printable(JSON.stringify(data))}`
  return `${new Date(at).toISOString()}  ${name.padEnd(28)}  ${printable(subject ?? '')}${details}\n`
}
