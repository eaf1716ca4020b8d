/** Rows of text as a Markdown table whose columns line up. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...all.slice(1).map(line)].join('\n')
}

/** The value that a share of the sorted numbers do not exceed; infinities are shown as "missed". */
export function quantileText(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  return value === undefined || !Number.isFinite(value) ? 'missed' : String(value)
}

/** Alarms per 10,000 rows. */
export function rateText(alarms: number, rows: number): string {
  return ((10_000 * alarms) / rows).toFixed(2)
}
