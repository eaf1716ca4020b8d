import { type Decision, decide } from '../../../lib/processing/after.ts'
import type { Live, LoadedVersion } from './live.ts'

/** A row of features and the score it got, by which version. */
export type ScoredRow = { readonly version: number; readonly score: number; readonly values: Float32Array }

/** What the score of a row comes to: the prediction, its confidence band, and the reason where a rule decided. */
export function decisionFor(live: Live, { version, score, values }: ScoredRow): Decision {
  const { features, processing } = versionOf(live, version)
  return decide(processing, live.spec.threshold, { features, values, score })
}

/** The prediction alone, for the hot path. */
export function predictionOf({ spec }: Live, { features, processing }: LoadedVersion, score: number, values: Float32Array): 0 | 1 {
  if (processing === null) return score >= spec.threshold ? 1 : 0
  return decide(processing, spec.threshold, { features, values, score }).prediction
}

/** The predictions of rows laid out one after another, each by the version that scored it. */
export function predictionsOf(live: Live, scores: Float32Array, versions: readonly number[], values: Float32Array): Int32Array {
  const width = live.champion.features.length
  return Int32Array.from(scores, (score, row) =>
    predictionOf(live, versionOf(live, versions[row]!), score, values.subarray(row * width, (row + 1) * width)),
  )
}

/** One of the versions that the deployment answers with. */
function versionOf({ champion, challenger, fallback, otherSide }: Live, version: number): LoadedVersion {
  if (champion.version === version) return champion
  return [challenger, fallback, otherSide?.champion].find((one) => one?.version === version) ?? champion
}
