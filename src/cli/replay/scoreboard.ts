import { f1Of as f1OfConfusion } from '../../lib/stats/classification.ts'

/** Counts over labelled rows. The positive class is 1. */
export type Tally = {
  rows: number
  labelled: number
  right: number
  hits: number
  falseAlarms: number
  misses: number
  compared: number
  previousRight: number
}

export type Decile = Tally & { readonly decile: number; champion: number | null; readonly versions: Map<number, number> }

function emptyTally(): Tally {
  return { rows: 0, labelled: 0, right: 0, hits: 0, falseAlarms: 0, misses: 0, compared: 0, previousRight: 0 }
}

/** Which tenth of a file of `total` rows row `n` lies in; both from 1. */
export function decileOf(n: number, total: number): number {
  return Math.min(10, Math.floor(((n - 1) * 10) / total) + 1)
}

type Answered = {
  readonly n: number
  readonly label: number
  readonly prediction: number
  readonly version: number
  readonly previousLabel: number | undefined
}
export type Scoreboard = { readonly total: Tally; readonly deciles: readonly Decile[]; add(answered: Answered): void }

/** Prequential counts: each row is scored by the answer given before its label was told, in all and per tenth of the file. */
export function createScoreboard(rowsOfFile: number): Scoreboard {
  const total = emptyTally()
  const deciles = Array.from({ length: 10 }, (_, i): Decile => ({ ...emptyTally(), decile: i + 1, champion: null, versions: new Map() }))
  return {
    total,
    deciles,
    add(answered) {
      const decile = deciles[decileOf(answered.n, rowsOfFile) - 1]!
      decile.versions.set(answered.version, (decile.versions.get(answered.version) ?? 0) + 1)
      for (const tally of [total, decile]) count(tally, answered)
    },
  }
}

function count(tally: Tally, { label, prediction, previousLabel }: Answered): void {
  tally.rows += 1
  if (Number.isNaN(label)) return
  tally.labelled += 1
  if (prediction === label) tally.right += 1
  if (prediction === 1 && label === 1) tally.hits += 1
  else if (prediction === 1) tally.falseAlarms += 1
  else if (label === 1) tally.misses += 1
  if (previousLabel === undefined) return
  tally.compared += 1
  if (previousLabel === label) tally.previousRight += 1
}

/** Share of the labelled rows that were answered rightly; null without any. */
export function accuracyOf({ right, labelled }: Tally): number | null {
  return labelled === 0 ? null : right / labelled
}

/** 2·TP / (2·TP + FP + FN) of class 1; null where there is nothing positive, said or true. */
export function f1Of({ hits, falseAlarms, misses }: Tally): number | null {
  return f1OfConfusion({ truePositives: hits, falsePositives: falseAlarms, falseNegatives: misses, trueNegatives: 0 })
}

/** What predicting each row’s label to be the one before it would have got right, on the same rows. */
export function previousAccuracyOf({ previousRight, compared }: Tally): number | null {
  return compared === 0 ? null : previousRight / compared
}
