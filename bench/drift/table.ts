/** Rows of text as a Markdown table whose columns line up. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...all.slice(1).map(line)].join('\n')
}

/** The value that a share of the numbers do not exceed; NaN for none. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** A quantile as text; what is not finite is shown as "missed". */
export function quantileText(values: readonly number[], share: number): string {
  const value = quantileOf(values, share)
  return Number.isFinite(value) ? String(value) : 'missed'
}

/** Alarms per 10,000 rows. */
export function rateText(alarms: number, rows: number): string {
  return ((10_000 * alarms) / rows).toFixed(2)
}
