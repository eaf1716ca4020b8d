import { styleText } from 'node:util'

export type Table = {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly rightAligned?: readonly boolean[]
}
export type Layout = { readonly columns: number | undefined; readonly colours: boolean; readonly indent?: number }

const GAP = 2
const NARROWEST = 8

/**
 * Lines of aligned columns, at most `layout.columns` wide: the widest columns are cut first, then the last ones left out.
 * Gives the headings that found no room.
 */
export function tableText(table: Table, layout: Layout): { text: string; hidden: readonly string[] } {
  const room = layout.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(NARROWEST, layout.columns - (layout.indent ?? 0))
  const natural = table.headings.map((heading, i) => Math.max(lengthOf(heading), ...table.rows.map((row) => lengthOf(row[i] ?? ''))))
  const widths = fitted(natural, room)
  const lead = ' '.repeat(layout.indent ?? 0)
  const line = (cells: readonly string[]) =>
    (lead + widths.map((width, i) => cell(cells[i] ?? '', width, table.rightAligned?.[i] ?? false)).join(' '.repeat(GAP))).trimEnd()
  const heading = line(table.headings.map((name) => name.toUpperCase()))
  const lines = [layout.colours ? styleText('dim', heading, { validateStream: false }) : heading, ...table.rows.map(line)]
  return { text: `${lines.join('\n')}\n`, hidden: table.headings.slice(widths.length) }
}

function fitted(natural: readonly number[], room: number): number[] {
  const widths = [...natural]
  const total = () => widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, widths.length - 1)
  while (total() > room) {
    const widest = Math.max(...widths)
    if (widest > NARROWEST) {
      const i = widths.lastIndexOf(widest)
      widths[i] = Math.max(NARROWEST, widest - (total() - room), secondOf(widths, i))
      if (widths[i] === widest) widths[i] = widest - 1
    } else if (widths.length > 1) widths.pop()
    else return [room]
  }
  return widths
}

function secondOf(widths: readonly number[], widest: number): number {
  return Math.max(0, ...widths.filter((_width, i) => i !== widest))
}

function cell(text: string, width: number, right: boolean): string {
  const letters = [...text]
  const shown = letters.length > width ? `${letters.slice(0, width - 1).join('')}…` : text
  const padding = ' '.repeat(width - Math.min(letters.length, width))
  return right ? padding + shown : shown + padding
}

function lengthOf(text: string): number {
  return [...text].length
}
