import { AppError } from '../../../../contract/errors.ts'
import type { FeatureSource, Layout } from './messages.ts'
import { numberFrom } from './row-reader.ts'

/** The most rows of a table that is joined: it is held in every thread. */
const MOST_LOOKUP_ROWS = 2_000_000

/** A joined table: the place of a key among its rows, and the columns that features take from it. */
type Table = { readonly places: Map<string, number>; readonly columns: Map<string, Float32Array> }
export type Joined = { value(lookup: number, column: string, key: string | null): number }

export async function openLookups(layout: Layout): Promise<Joined> {
  const tables = await Promise.all(layout.lookups.map(({ file, key }, i) => openTable(file, key, columnsFrom(layout.features, i))))
  return {
    value(lookup, column, key) {
      const table = tables[lookup]!
      const place = key === null ? undefined : table.places.get(key)
      return place === undefined ? Number.NaN : table.columns.get(column)![place]!
    },
  }
}

function columnsFrom(features: readonly FeatureSource[], lookup: number): string[] {
  return [...new Set(features.flatMap((one) => ('lookup' in one && one.lookup === lookup ? [one.column] : [])))]
}

async function openTable(file: string, key: string, columns: readonly string[]): Promise<Table> {
  const { readCsv } = await import('./stage-csv.ts')
  const places = new Map<string, number>()
  const values: number[][] = columns.map(() => [])
  for await (const [id, ...cells] of readCsv(file, [key, ...columns], null)) {
    if (id === undefined || id === '') continue
    if (places.has(id)) throw new AppError('invalid', `the lookup table has key ${id} twice; a join needs each key once`)
    if (places.size >= MOST_LOOKUP_ROWS) throw new AppError('too_large', `a lookup table holds at most ${MOST_LOOKUP_ROWS} rows`)
    places.set(id, places.size)
    for (const [i, cell] of cells.entries())
      values[i]!.push(
        numberFrom(cell, (text) => {
          throw new AppError('invalid', `the lookup table says "${text}" for ${columns[i]} of key ${id}; a number is needed`)
        }),
      )
  }
  return { places, columns: new Map(columns.map((column, i) => [column, Float32Array.from(values[i]!)])) }
}
