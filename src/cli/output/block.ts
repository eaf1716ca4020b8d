import { tableOf } from './columns.ts'
import { type Layout, tableText } from './table.ts'
import { printable, scalarText } from './text.ts'

type Fields = Readonly<Record<string, unknown>>
const INDENT = 2
const LONGEST_LIST = 200

/** A value as `name  value` lines, its parts indented below it; lists of flat objects become tables. */
export function blockText(value: Fields, layout: Layout, nowMs: number): string {
  const indent = layout.indent ?? 0
  const lead = ' '.repeat(indent)
  const names = Object.keys(value)
  const flat = names.filter((name) => isFlat(value[name]))
  const width = Math.max(0, ...flat.map((name) => name.length))
  const lines = names.map((name) => {
    const own = value[name]
    if (isFlat(own)) return `${lead}${name.padEnd(width)}  ${flatText(name, own, nowMs, indent + width + INDENT)}\n`
    return `${lead}${name}\n${partText(own, { ...layout, indent: indent + INDENT }, nowMs)}`
  })
  return lines.join('')
}

function partText(value: unknown, layout: Layout, nowMs: number): string {
  if (!Array.isArray(value)) return blockText(value as Fields, layout, nowMs)
  const items = value.slice(0, LONGEST_LIST) as Fields[]
  const lead = ' '.repeat(layout.indent ?? 0)
  const more = value.length > items.length ? `${lead}… and ${value.length - items.length} more\n` : ''
  if (items.every((item) => isObject(item) && Object.values(item).every(isScalar)))
    return tableText(tableOf(items, undefined, nowMs), layout).text + more
  const blocks = items.map((item) =>
    isObject(item)
      ? `${lead}-\n${blockText(item, { ...layout, indent: (layout.indent ?? 0) + INDENT }, nowMs)}`
      : `${lead}- ${scalarText('', item, nowMs)}\n`,
  )
  return blocks.join('') + more
}

function flatText(name: string, value: unknown, nowMs: number, hang: number): string {
  if (typeof value === 'string' && value.includes('\n')) {
    const lines = value.trimEnd().split(/\r?\n/)
    return lines.map(printable).join(`\n${' '.repeat(hang)}`)
  }
  if (!Array.isArray(value)) return isObject(value) ? '–' : scalarText(name, value, nowMs)
  return value.length === 0
    ? '–'
    : value
        .slice(0, LONGEST_LIST)
        .map((item) => scalarText(name, item, nowMs))
        .join(', ')
}

function isFlat(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isScalar)
  return isObject(value) ? Object.keys(value).length === 0 : true
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
