import type { CategoryColumn, ColumnProfile } from '../profile/table-profile.ts'
import { type Imported, numericColumnFrom, profileWithoutRows } from './imported.ts'

type Json = Readonly<Record<string, unknown>>

/** Whether a JSON value has one of the three forms in which Evidently writes reports. */
export function isEvidently(value: unknown): boolean {
  return formOf(value) !== undefined
}

function formOf(value: unknown): 'snapshot' | 'report' | 'metrics' | undefined {
  if (!isObject(value)) return undefined
  if (isObject(value.suite) && Array.isArray(value.suite.metric_results)) return 'snapshot'
  if (!Array.isArray(value.metrics)) return undefined
  if (value.metrics.some((one) => isObject(one) && 'metric' in one && 'result' in one)) return 'report'
  return value.metrics.some((one) => isObject(one) && isObject(one.config) && 'value' in one) ? 'metrics' : undefined
}

/**
 * The distributions in an Evidently file: of a snapshot before 0.7 (`Report.save`) histograms of both sides over the same bins; of its
 * report JSON small histograms, whose bins are each side’s own; of the JSON of 0.7 only the counts of categories. `side` says whose;
 * where only the current side is there, that is taken. Throws RangeError when nothing in it can be compared.
 */
export function profileFromEvidently(value: unknown, side: 'reference' | 'current'): Imported {
  const form = formOf(value)
  if (form === undefined) throw new RangeError('it is no report or snapshot of Evidently')
  const found: Found = { columns: new Map(), problems: new Map(), rows: undefined }
  if (form === 'metrics') readMetrics((value as { metrics: unknown[] }).metrics, found)
  else readDriftTables(value as Json, side, found)
  const columns = [...found.columns.values()]
  const odd = [...found.problems].filter(([name]) => !found.columns.has(name))
  const problems = odd.map(([name, why]) => `${name}: ${why}`)
  if (columns.length === 0)
    throw new RangeError(`nothing in it can be compared: ${problems.join('; ') || 'it holds no distribution of any column'}`)
  const present = columns.map((column) => rowsOf(column) + column.missing)
  return { profile: profileWithoutRows(found.rows ?? Math.max(...present), columns), problems, unread: odd.map(([name]) => name) }
}

type Found = { readonly columns: Map<string, ColumnProfile>; readonly problems: Map<string, string>; rows: number | undefined }

/** The JSON of 0.7: values of metrics, no histograms of numbers. */
function readMetrics(metrics: readonly unknown[], found: Found): void {
  const missing = new Map<string, number>()
  const counted = new Map<string, Json>()
  for (const metric of metrics.filter(isObject)) {
    const config = isObject(metric.config) ? metric.config : {}
    const type = String(config.type).split(':').at(-1)
    const column = typeof config.column === 'string' ? config.column : undefined
    if (type === 'RowCount' && typeof metric.value === 'number') found.rows = metric.value
    if (column === undefined) continue
    if (type === 'MissingValueCount' && isObject(metric.value)) missing.set(column, wholeOf(metric.value.count) ?? 0)
    if (type === 'UniqueValueCount' && isObject(metric.value) && isObject(metric.value.counts)) counted.set(column, metric.value.counts)
    if (!found.problems.has(column)) found.problems.set(column, 'the report holds scores or quantiles of it, no distribution')
  }
  for (const [name, counts] of counted)
    found.columns.set(name, categoryFrom(name, Object.keys(counts), Object.values(counts), missing.get(name) ?? 0))
}

/** Snapshots and report JSON before 0.7: what drift tables hold of each column. */
function readDriftTables(value: Json, side: 'reference' | 'current', found: Found): void {
  const results = isObject(value.suite) ? (value.suite.metric_results as unknown[]) : (value.metrics as Json[]).map((one) => one.result)
  const columns = results.filter(isObject).flatMap((result): Json[] => {
    if (isObject(result.drift_by_columns)) return Object.values(result.drift_by_columns).filter(isObject)
    return typeof result.column_name === 'string' ? [result] : []
  })
  const small: { readonly name: string; readonly edges: readonly number[]; readonly densities: readonly number[] }[] = []
  for (const column of columns) {
    const name = String(column.column_name)
    const own = isObject(column[side]) ? column[side] : undefined
    const whole = distributionOf(own?.distribution)
    const little = distributionOf(own?.small_distribution)
    if (column.column_type === 'cat') {
      const counts = whole ?? little
      if (counts) found.columns.set(name, categoryFrom(name, counts.x.map(String), counts.y, 0))
    } else if (whole && isHistogram(whole))
      found.columns.set(
        name,
        numbersFrom(
          name,
          whole.x as number[],
          whole.y.map((count) => countOf(name, count)),
        ),
      )
    else if (little && isHistogram(little)) small.push({ name, edges: little.x as number[], densities: little.y as number[] })
    if (!found.problems.has(name)) found.problems.set(name, `the report holds no distribution of it on the ${side} side`)
  }
  // Densities say no number of rows: that of the categories, of which each row has one, is taken.
  const rows = Math.max(0, ...[...found.columns.values()].map(rowsOf))
  for (const { name, edges, densities } of small) {
    if (found.columns.has(name)) continue
    if (rows === 0) found.problems.set(name, 'the report holds densities only, and does not say of how many rows')
    else
      found.columns.set(
        name,
        numbersFrom(
          name,
          edges,
          densities.map((density, bin) => Math.round(density * (edges[bin + 1]! - edges[bin]!) * rows)),
        ),
      )
  }
}

type Distribution = { readonly x: readonly unknown[]; readonly y: readonly unknown[] }

function distributionOf(value: unknown): Distribution | undefined {
  return isObject(value) && Array.isArray(value.x) && Array.isArray(value.y) && value.y.length > 0 ? { x: value.x, y: value.y } : undefined
}

/** Ascending edges, one more than there are bins. */
function isHistogram({ x, y }: Distribution): boolean {
  return (
    x.length === y.length + 1 &&
    x.every((edge, i) => typeof edge === 'number' && Number.isFinite(edge) && (i === 0 || edge > (x[i - 1] as number))) &&
    y.every((count) => typeof count === 'number' && count >= 0)
  )
}

function numbersFrom(name: string, edges: readonly number[], counts: readonly number[]): ColumnProfile {
  // A bin of theirs holds its lower edge, one of ours the upper one.
  const inner = edges.slice(1, -1).map(justBelow)
  return numericColumnFrom({ name, missing: 0, counts, edges: inner, min: edges[0]!, max: edges.at(-1)! })
}

function categoryFrom(name: string, names: readonly string[], counts: readonly unknown[], missing: number): CategoryColumn {
  const values = names.map((value, i) => [value, countOf(name, counts[i])] as const).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return { name, kind: 'category', missing, values, other: 0 }
}

function countOf(name: string, value: unknown): number {
  const count = wholeOf(value)
  if (count === undefined) throw new RangeError(`${name}: ${JSON.stringify(value)} is no count of rows`)
  return count
}

function wholeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function rowsOf(column: ColumnProfile): number {
  if (column.kind === 'numeric') return column.counts.reduce((sum, count) => sum + count, 0)
  return column.kind === 'category' ? column.values.reduce((sum, [, rows]) => sum + rows, column.other) : 0
}

/** The greatest number below a finite one. */
function justBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? -1n : 1n))
  return view.getFloat64(0)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
