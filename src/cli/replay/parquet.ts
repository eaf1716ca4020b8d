import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  asyncBufferFromFile,
  type Compressors,
  type DecodedArray,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet'
import type { Table } from './rows.ts'

const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
}

/** Opens a Parquet file; one row group at a time is held in memory, and only its columns that are asked for. */
export async function openParquet(file: string): Promise<Table> {
  const buffer = await asyncBufferFromFile(file)
  const metadata = await parquetMetadataAsync(buffer)
  const columns = parquetSchema(metadata)
    .children.filter((child) => child.children.length === 0)
    .map((child) => child.element.name)
  return {
    columns,
    rows: Number(metadata.num_rows),
    async *read(names, from) {
      for (const { start, end } of groupsOf(metadata)) {
        if (end < from) continue
        const first = Math.max(start, from - 1)
        const parts = new Map<string, { at: number; values: DecodedArray }[]>(names.map((name) => [name, []]))
        await parquetRead({
          file: buffer,
          metadata,
          compressors,
          columns: [...new Set(names)],
          rowStart: first,
          rowEnd: end,
          onChunk: ({ columnName, columnData, rowStart }) => parts.get(columnName)?.push({ at: rowStart, values: columnData }),
        })
        const cells = names.map((name) => cellReader(parts.get(name)!))
        for (let row = first; row < end; row++) yield cells.map((cell) => cell(row))
      }
    },
  }
}

/** Row ranges of the groups, from 0, without the end. */
function groupsOf({ row_groups: groups }: FileMetaData): { start: number; end: number }[] {
  let start = 0
  return groups.map((group) => {
    const range = { start, end: start + Number(group.num_rows) }
    start = range.end
    return range
  })
}

/** Reads a column row after row out of the pages it came in. */
function cellReader(pages: readonly { readonly at: number; readonly values: DecodedArray }[]): (row: number) => unknown {
  const sorted = pages.toSorted((a, b) => a.at - b.at)
  let page = 0
  return (row) => {
    while (page < sorted.length - 1 && sorted[page + 1]!.at <= row) page += 1
    const found = sorted[page]
    return found?.values[row - found.at]
  }
}
