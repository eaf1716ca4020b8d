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
