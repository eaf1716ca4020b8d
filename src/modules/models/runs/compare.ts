import type { Comparison, Run } from '../../../contract/runs.ts'

type Column<T> = { readonly key: string; readonly differs: boolean; readonly values: (T | null)[] }
type Coordinates = Comparison['coordinates']

/** Runs side by side, without their curves: every param and metric that one of them has, and what of it differs. */
export function compareRuns(runs: readonly Run[]): Omit<Comparison, 'curves'> {
  const params = columnsOf(runs, (run) => run.params)
  const metrics = columnsOf(runs, (run) => run.metrics).map((column) => ({ ...column, ...rangeOf(numbersIn(column.values)) }))
  const axes = [
    ...params.filter((param) => param.differs).map((param) => ({ kind: 'param' as const, ...param })),
    ...metrics.map((metric) => ({ kind: 'metric' as const, ...metric })),
  ]
  return {
    runs: runs.map(({ id, name, experiment, status, startedAt, endedAt }) => ({ id, name, experiment, status, startedAt, endedAt })),
    params,
    metrics,
    coordinates: coordinatesOf(runs, axes),
  }
}

function columnsOf<T>(runs: readonly Run[], of: (run: Run) => Readonly<Record<string, T>>): Column<T>[] {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(of(run))))].sort()
  return keys.map((key) => {
    const values = runs.map((run) => (Object.hasOwn(of(run), key) ? of(run)[key]! : null))
    return { key, differs: new Set(values).size > 1, values }
  })
}

function numbersIn(values: readonly unknown[]): number[] {
  return values.filter((value) => typeof value === 'number')
}

function rangeOf(numbers: readonly number[]): { min: number | null; max: number | null } {
  return numbers.length === 0 ? { min: null, max: null } : { min: Math.min(...numbers), max: Math.max(...numbers) }
}

type AxisColumn = Column<string | number> & { readonly kind: 'param' | 'metric' }

/** An axis is of numbers when all its values are; otherwise of words. */
function coordinatesOf(runs: readonly Run[], columns: readonly AxisColumn[]): Coordinates {
  const read = columns.map((column) => {
    const numbers = column.values.map((value) => (value === null ? null : numberFrom(value)))
    const isNumeric = numbers.every((number, i) => number !== undefined || column.values[i] === null)
    return { ...column, isNumeric, values: isNumeric ? numbers.map((number) => number ?? null) : column.values }
  })
  return {
    axes: read.map(({ key, kind, isNumeric, values }) => {
      const { min, max } = rangeOf(numbersIn(values))
      return {
        key,
        kind,
        range: isNumeric && min !== null && max !== null ? [min, max] : null,
        categories: isNumeric ? null : [...new Set(values.filter((value) => value !== null).map(String))].sort(),
      }
    }),
    lines: runs.map((run, i) => ({ run: run.id, values: read.map((column) => column.values[i] ?? null) })),
  }
}

function numberFrom(value: string | number): number | undefined {
  if (typeof value === 'number') return value
  const number = value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) ? number : undefined
}
