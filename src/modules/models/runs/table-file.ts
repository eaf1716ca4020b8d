import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer'
import type { Run } from '../../../contract/runs.ts'

/** Which params, metrics and tags have columns. */
export type TableKeys = { readonly params: readonly string[]; readonly metrics: readonly string[]; readonly tags: readonly string[] }

const fixed = ['id', 'name', 'experiment', 'status', 'user', 'startedAt', 'endedAt', 'lifecycle', 'artifactUri'] as const

/** The first line of a table of runs: what all runs have, then `params.…`, `metrics.…` and `tags.…`. */
export function csvHead({ params, metrics, tags }: TableKeys): string {
  const prefixed = (prefix: string, keys: readonly string[]) => keys.map((key) => `${prefix}.${key}`)
  return csvLine([...fixed, ...prefixed('params', params), ...prefixed('metrics', metrics), ...prefixed('tags', tags)])
}

/** The line of one run; empty where it has no value, `NaN` where a metric is none. */
export function csvRow(run: Run, { params, metrics, tags }: TableKeys): string {
  const own = <T>(record: Readonly<Record<string, T>>, key: string) => (Object.hasOwn(record, key) ? record[key] : undefined)
  return csvLine([
    ...fixed.map((name) => run[name] ?? ''),
    ...params.map((key) => own(run.params, key) ?? ''),
    ...metrics.map((key) => (own(run.metrics, key) === null ? 'NaN' : (own(run.metrics, key) ?? ''))),
    ...tags.map((key) => own(run.tags, key) ?? ''),
  ])
}

/** RFC 4180. */
function csvLine(cells: readonly (string | number)[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : cell)).join(',')}\r\n`
}

type Column = Omit<ColumnSource, 'data'> & { readonly of: (run: Run) => unknown }

/**
 * A Parquet file of runs, one row group a page, so that no more than a page is held: what all runs have, then `params.…` and
 * `tags.…` as texts and `metrics.…` as doubles, null where a run has no value.
 */
export async function* parquetOf(pages: AsyncIterable<readonly Run[]>, { params, metrics, tags }: TableKeys): AsyncIterable<Uint8Array> {
  const own = <T>(record: Readonly<Record<string, T>>, key: string) => (Object.hasOwn(record, key) ? record[key] : undefined)
  const date = (at: number | null) => (at === null ? null : new Date(at))
  const instants = ['startedAt', 'endedAt']
  const columns: Column[] = [
    ...fixed.map((name): Column => {
      const isInstant = instants.includes(name)
      return { name, type: isInstant ? 'TIMESTAMP' : 'STRING', of: (run) => (isInstant ? date(run[name] as number | null) : run[name]) }
    }),
    ...params.map((key): Column => ({ name: `params.${key}`, type: 'STRING', of: (run) => own(run.params, key) })),
    ...metrics.map(
      (key): Column => ({
        name: `metrics.${key}`,
        type: 'DOUBLE',
        of: (run) => (own(run.metrics, key) === null ? Number.NaN : own(run.metrics, key)),
      }),
    ),
    ...tags.map((key): Column => ({ name: `tags.${key}`, type: 'STRING', of: (run) => own(run.tags, key) })),
  ]
  const dataOf = (page: readonly Run[]) => columns.map(({ of, ...column }) => ({ ...column, data: page.map((run) => of(run) ?? null) }))
  const writer = new ByteWriter()
  const taken = () => {
    const bytes = writer.getBytes().slice()
    writer.index = 0
    return bytes
  }
  const file = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: dataOf([]) }) })
  for await (const page of pages) {
    if (page.length > 0) await file.write({ columnData: dataOf(page), rowGroupSize: page.length })
    yield taken()
  }
  await file.finish()
  yield taken()
}
