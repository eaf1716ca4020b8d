import type { BatchScoringSpec } from '../../../contract/batch.ts'
import { AppError } from '../../../contract/errors.ts'

export type Output = {
  readonly rowsIn: number
  readonly rowsOut: number
  readonly duplicates: number
  readonly nullCells: number
  readonly cells: number
  readonly scorePsi: number | null
  /** The partition that the scores are compared with. */
  readonly before?: string
}

/** Throws `conflict` naming everything that keeps these predictions from readers. */
export function checkOutput({ minRowShare, maxNullShare, maxScorePsi }: BatchScoringSpec['validation'], output: Output): void {
  const wanted = output.rowsIn - output.duplicates
  const rowShare = wanted === 0 ? 1 : output.rowsOut / wanted
  const nullShare = output.cells === 0 ? 0 : output.nullCells / output.cells
  const problems = [
    rowShare < minRowShare &&
      `${output.rowsOut} of ${wanted} rows have a score (${percent(rowShare)}; minRowShare is ${percent(minRowShare)})`,
    nullShare > maxNullShare && `${percent(nullShare)} of the feature values are missing (maxNullShare is ${percent(maxNullShare)})`,
    output.scorePsi !== null &&
      output.scorePsi > maxScorePsi &&
      `the scores moved by a PSI of ${output.scorePsi.toFixed(3)} against ${output.before} (maxScorePsi is ${maxScorePsi})`,
  ].filter((problem) => problem !== false)
  if (problems.length > 0)
    throw new AppError('conflict', `validate_output: ${problems.join('; ')}. Readers keep the partition as it was`, { problems })
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`
