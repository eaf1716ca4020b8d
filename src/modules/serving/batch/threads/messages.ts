import type { ErrorCode } from '../../../../contract/errors.ts'
import type { Processing } from '../../../../lib/processing/processing.ts'
import type { ScoreHistogram } from '../../../../lib/stats/score-histogram.ts'

/** A file of rows and how it looks. */
export type InputFile = { readonly file: string; readonly rows: number; readonly groups: readonly number[] }

/** From which column each value comes; the same for every chunk of a run. */
export type Layout = {
  readonly key: string
  /** In the order of the model’s features. */
  readonly features: readonly FeatureSource[]
  readonly lookups: readonly LookupSource[]
  /** Whether a feature may not be missing, in the model’s order. */
  readonly required: readonly boolean[]
}
export type FeatureSource =
  | { readonly feature: string; readonly column: string }
  | { readonly feature: string; readonly lookup: number; readonly column: string }
/** A table to be joined: a local CSV, its key, and the source’s column that holds it. */
type LookupSource = { readonly file: string; readonly key: string; readonly on: string }

/** Rows of one file that are scored and written together; `firstRow` counts from 0 through the whole input. */
export type Chunk = { readonly index: number; readonly file: string; readonly from: number; readonly to: number; readonly firstRow: number }

/** What every row of the output carries. */
export type Stamp = { readonly version: number; readonly run: string; readonly atMs: number; readonly threshold: number }
export type OutputForm = 'csv' | 'parquet'

export type ChunkStats = {
  readonly index: number
  readonly rowsIn: number
  readonly rowsOut: number
  readonly dead: number
  readonly duplicates: number
  readonly positives: number
  readonly nullCells: number
  readonly cells: number
  readonly histogram: ScoreHistogram
}

/** A model, and what its version says is done around it. */
export type ModelFile = { readonly file: string; readonly features: readonly string[]; readonly processing: Processing | null }

export type PreviewRow = {
  readonly key: string | null
  readonly features: readonly (number | null)[]
  readonly score: number | null
  readonly problem: string | null
}

/** Where an SQL source or destination is. */
export type Warehouse =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgresql'; readonly url: string; readonly name: string }
export type SqlQuery = { readonly text: string; readonly days: number; readonly newest: string | null }
/** Columns to be staged: the key, those read as numbers, those read as texts. */
export type StagedColumns = { readonly key: string; readonly numbers: readonly string[]; readonly texts: readonly string[] }

export type Tasks = {
  /** Finds what a Parquet file holds. */
  describe: { given: { file: string; layout: Layout }; gives: InputFile }
  /** SHA-256 of a file. */
  digest: { given: { file: string }; gives: { digest: string; sizeBytes: number } }
  /** Reads the keys of all files in order; `dropped` has a bit for each row that is a duplicate. */
  scan: { given: { files: readonly InputFile[]; key: string }; gives: { dropped: Uint8Array; duplicates: number } }
  stageCsv: {
    given: { file: string; columns: StagedColumns; folder: string; first: number; mostRows: number | null }
    gives: { files: string[] }
  }
  stageSql: {
    given: { from: Warehouse; query: SqlQuery; ds: string; columns: StagedColumns; folder: string; mostRows: number | null }
    gives: { files: string[]; newestMs: number | null }
  }
  stageRows: {
    given: { folder: string; index: number; keys: string[]; columns: readonly { name: string; values: Float32Array }[] }
    gives: { file: string }
  }
  score: {
    given: {
      chunks: readonly Chunk[]
      dropped: readonly (Uint8Array | null)[]
      layout: Layout
      model: ModelFile
      stamp: Stamp
      form: OutputForm
      folder: string
      keyName: string
    }
    gives: { chunks: readonly ChunkStats[] }
  }
  preview: { given: { file: string; rows: number; layout: Layout; model: ModelFile }; gives: { scanned: number; rows: PreviewRow[] } }
  assemble: {
    given: { parts: readonly string[]; form: OutputForm; to: string; keyName: string }
    gives: { digest: string; sizeBytes: number }
  }
  joinTexts: { given: { parts: readonly string[]; to: string }; gives: { lines: number } }
  writeTable: {
    given: { to: Warehouse; table: string; staging: string; ds: string; parts: readonly string[]; keyName: string; stamp: Stamp }
    gives: { rows: number; digest: string }
  }
  swapTable: { given: { to: Warehouse; table: string; staging: string; ds: string; keyName: string }; gives: { rows: number } }
  dropTable: { given: { to: Warehouse; table: string }; gives: { dropped: true } }
  readPart: {
    given: { part: string; keyName: string }
    gives: { keys: string[]; scores: Float64Array; predictions: Uint8Array }
  }
}
export type TaskName = keyof Tasks
export type TaskRequest = { readonly id: number; readonly task: TaskName; readonly given: unknown }
export type TaskReply =
  | { readonly id: number; readonly gives: unknown }
  | { readonly id: number; readonly note: ChunkStats }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } }
