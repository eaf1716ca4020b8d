import type { Run } from '../../src/contract/runs.ts'
import { formatNumber, NONE } from './format.ts'

/** A metric, a param or a tag as a column of the run table; its `id` is `metrics.auc`. */
export type RunColumn = { readonly id: string; readonly kind: 'metrics' | 'params' | 'tags'; readonly key: string }

const MOST_SHOWN = { metrics: 5, params: 4 } as const
/** Tags that the clients write for themselves; they say nothing of one run against another. */
const ownTag = /^mlflow\./

export function columnFrom(id: string): RunColumn | undefined {
  const [, kind, key] = /^(metrics|params|tags)\.(.+)$/s.exec(id) ?? []
  return key === undefined ? undefined : { id, kind: kind as RunColumn['kind'], key }
}

/** Every column that the runs have something for; those that most of them have come first in each kind, then by name. */
export function columnsOf(runs: readonly Run[]): RunColumn[] {
  return (['metrics', 'params', 'tags'] as const).flatMap((kind) => {
    const uses = new Map<string, number>()
    for (const run of runs) for (const key of Object.keys(run[kind])) uses.set(key, (uses.get(key) ?? 0) + 1)
    return [...uses]
      .filter(([key]) => kind !== 'tags' || !ownTag.test(key))
      .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
      .map(([key]) => ({ id: `${kind}.${key}`, kind, key }))
  })
}

/** The columns shown while nobody chose: the commonest metrics, and the commonest params that tell the runs apart. */
export function usualColumns(runs: readonly Run[]): RunColumn[] {
  const all = columnsOf(runs)
  const differs = ({ key }: RunColumn) => new Set(runs.map((run) => run.params[key])).size > 1
  return [
    ...all.filter(({ kind }) => kind === 'metrics').slice(0, MOST_SHOWN.metrics),
    ...all.filter((column) => column.kind === 'params' && (runs.length < 2 || differs(column))).slice(0, MOST_SHOWN.params),
  ]
}

/** What a run has in a column, as text. */
export function cellOf(run: Run, { kind, key }: RunColumn): string {
  if (!Object.hasOwn(run[kind], key)) return NONE
  return kind === 'metrics' ? formatNumber(run.metrics[key]!) : run[kind][key]!
}

/** A column’s name as the search grammar reads it: back ticks hold what is no plain word. */
export function nameInSearch(column: string): string {
  const { kind, key } = columnFrom(column) ?? {}
  if (kind === undefined || key === undefined || /^[a-z_]\w*$/i.test(key)) return column
  return key.includes('`') ? `${kind}."${key}"` : `${kind}.\`${key}\``
}

export type Order = { readonly column: string; readonly ascending: boolean }

/** The order after a heading was chosen: metrics and times fall at first, names rise; chosen again, the other way round. */
export function orderAfter(before: Order | undefined, column: string): Order {
  if (before?.column === column) return { column, ascending: !before.ascending }
  return { column, ascending: !/^metrics\.|_time$/.test(column) }
}

export function orderText({ column, ascending }: Order): string {
  return `${nameInSearch(column)} ${ascending ? 'ASC' : 'DESC'}`
}

/** An order as it stands in an address: `metrics.auc`, or `-metrics.auc` when it falls. */
export function orderFrom(text: string | null): Order | undefined {
  if (!text) return undefined
  return text.startsWith('-') ? { column: text.slice(1), ascending: false } : { column: text, ascending: true }
}

export function orderInAddress({ column, ascending }: Order): string {
  return ascending ? column : `-${column}`
}
