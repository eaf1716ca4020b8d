import fs from 'node:fs'
import path from 'node:path'
import { ByteWriter, type ColumnSource, parquetWrite } from 'hyparquet-writer'
import type { StagedColumns, Tasks } from './messages.ts'
import { oddCellsFile } from './odd-cells.ts'
import { numberFrom } from './row-reader.ts'

/** Staged files have so many rows at most. */
const STAGED_ROWS = 65_536
const STAGED_KEY = 'key'
/** Under these names a column of the source lies in a staged file: as numbers, and as texts. */
const stagedNumber = (column: string) => `n:${column}`
const stagedText = (column: string) => `t:${column}`
/** Gathers rows and writes them into Parquet files of the run’s own, from which they are scored like any other. */
export function createStage(folder: string, { numbers, texts }: StagedColumns, firstFile: number) {
  const files: string[] = []
  let columns = emptyColumns()
  let keys: (string | null)[] = []
  let odd: Record<number, Record<string, string>> = {}
  fs.mkdirSync(folder, { recursive: true })

  function emptyColumns() {
    return { numbers: numbers.map(() => new Float32Array(STAGED_ROWS)), texts: texts.map(() => [] as (string | null)[]) }
  }

  function flush(): void {
    const count = keys.length
    if (count === 0) return
    const file = path.join(folder, `${String(firstFile + files.length).padStart(6, '0')}.parquet`)
    const columnData: ColumnSource[] = [
      { name: STAGED_KEY, data: keys, type: 'STRING', nullable: true },
      ...numbers.map(
        (name, i): ColumnSource => ({
          name: stagedNumber(name),
          data: columns.numbers[i]!.subarray(0, count),
          type: 'FLOAT',
          encoding: 'PLAIN',
          nullable: false,
        }),
      ),
      ...texts.map((name, i): ColumnSource => ({ name: stagedText(name), data: columns.texts[i]!, type: 'STRING', nullable: true })),
    ]
    writeParquet(file, columnData)
    if (Object.keys(odd).length > 0) fs.writeFileSync(oddCellsFile(file), JSON.stringify(odd))
    files.push(file)
    columns = emptyColumns()
    keys = []
    odd = {}
  }

  return {
    /** Adds a row; cells come in the order of the staged columns. */
    add(key: string | null, cells: readonly unknown[], textCells: readonly unknown[]): void {
      const row = keys.length
      keys.push(key)
      for (const [i, cell] of cells.entries())
        columns.numbers[i]![row] = numberFrom(cell, (text) => {
          odd[row] = { ...odd[row], [numbers[i]!]: text.slice(0, LONGEST_CELL) }
        })
      for (const [i, cell] of textCells.entries())
        columns.texts[i]!.push(cell === null || cell === undefined || cell === '' ? null : String(cell))
      if (keys.length === STAGED_ROWS) flush()
    },
    end(): string[] {
      flush()
      return files
    },
  }
}

const LONGEST_CELL = 1_000

/** Writes rows that are at hand whole. */
export function stageRows({ folder, index, keys, columns }: Tasks['stageRows']['given']): Tasks['stageRows']['gives'] {
  fs.mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${String(index).padStart(6, '0')}.parquet`)
  writeParquet(file, [
    { name: STAGED_KEY, data: keys, type: 'STRING', nullable: true },
    ...columns.map(
      ({ name, values }): ColumnSource => ({ name: stagedNumber(name), data: values, type: 'FLOAT', encoding: 'PLAIN', nullable: false }),
    ),
  ])
  return { file }
}

function writeParquet(file: string, columnData: ColumnSource[]): void {
  const writer = new ByteWriter()
  parquetWrite({ writer, columnData, codec: 'UNCOMPRESSED', statistics: false, rowGroupSize: STAGED_ROWS })
  fs.writeFileSync(`${file}.new`, writer.getBytes())
  fs.renameSync(`${file}.new`, file)
}
