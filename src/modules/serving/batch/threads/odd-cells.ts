/** Cells that are no numbers, beside the staged file: row → column → text. */
export const oddCellsFile = (file: string): string => file.replace(/\.parquet$/, '.odd.json')
export type OddCells = Readonly<Record<number, Readonly<Record<string, string>>>>
