import type { Columns } from '../estimation/boosted-trees.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { type AttackFinding, cellKeys, LEAST_ACTOR_ROWS, rowsByName, standardised } from './attacks.ts'
import { excessOf } from './poisoning.ts'

export type ActorTraffic = {
  readonly columns: Columns
  readonly scores: ArrayLike<number>
  /** Who sent each row; '' for nobody known. */
  readonly actors: readonly string[]
  /** 1 is what the model is there to find; NaN where no label has come. */
  readonly labels?: ArrayLike<number>
  /** Earlier rows of the same actors, to hold each against its own past. */
  readonly past?: { readonly columns: Columns; readonly actors: readonly string[] }
}

const BAND = 0.15
const CELL = 0.2
const LEAST_EXCESS = 0.2
/** The first so many signs tell by themselves. */
const TELLING = 3

/**
 * Actors that feel for the decision boundary, or have found their way past it. Signs, each by Fisher's exact test against everybody
 * else's rows: scores within 0.15 of the threshold; near-duplicates of the actor's own rows that lie there; positives by their labels
 * that the model took for negatives; and, for support only, rows far from the actor's own past (from the reference, where it has
 * none). Actors differ by nature, so an excess of a fifth of the rows is asked for besides. Throws RangeError when lengths differ.
 */
export function findEvasion(traffic: ActorTraffic, reference: Columns, threshold: number, alpha = 0.01): AttackFinding[] {
  const { scores, actors, labels } = traffic
  if (scores.length !== actors.length) throw new RangeError(`${scores.length} scores do not match ${actors.length} actors`)
  const rows = actors.length
  const columns = standardised(traffic.columns, reference)
  const near = Array.from({ length: rows }, (_, row) => Math.abs(scores[row]! - threshold) < BAND)
  const cells = cellKeys(columns, CELL).map((key, row) => `${actors[row]}/${key}`)
  const counts = new Map<string, number>()
  for (const cell of cells) counts.set(cell, (counts.get(cell) ?? 0) + 1)
  const probe = cells.map((cell, row) => near[row]! && counts.get(cell)! > 1)
  const strange = strangeRows(traffic, columns, reference)
  const everyRow = () => true
  const isLabelled = (row: number) => labels !== undefined && Number.isFinite(labels[row]!)
  const isMissed = (row: number) => labels![row] === 1 && scores[row]! < threshold
  const groups = [...rowsByName(actors)].filter(([, own]) => own.length >= LEAST_ACTOR_ROWS && own.length < rows)
  const found = groups.map(([by, own]) => ({
    by,
    rows: own.length,
    signs: [
      { name: 'crowds the threshold', ...excessOf(own, (row) => near[row]!, everyRow, rows) },
      { name: 'sends near-duplicates around the threshold', ...excessOf(own, (row) => probe[row]!, everyRow, rows) },
      { name: 'gets past the model', ...excessOf(own, isMissed, isLabelled, rows) },
      { name: 'unlike its own past', ...excessOf(own, (row) => strange[row]!, everyRow, rows) },
    ],
  }))
  const adjusted = holmAdjusted(found.map(({ signs }) => Math.min(1, TELLING * Math.min(...signs.slice(0, TELLING).map((s) => s.pValue)))))
  return found.flatMap(({ by, rows: count, signs }, i): AttackFinding[] => {
    const telling = signs.slice(0, TELLING).filter(({ excess, pValue }) => excess >= LEAST_EXCESS && pValue < alpha)
    if (adjusted[i]! >= alpha || telling.length === 0) return []
    const words = telling.map(({ name, excess }) => `${name} with ${(100 * excess).toFixed(1)} % more of its rows than others`).join(', ')
    return [{ attack: 'evasion', by, rows: count, signs, adjustedP: adjusted[i]!, text: `${by} (${count} rows) ${words}` }]
  })
}

/** Rows further from the mean of the actor's own past than nine tenths of the reference lie from its own. */
function strangeRows({ actors, past }: ActorTraffic, columns: Columns, reference: Columns): boolean[] {
  const centres = new Map<string, number[]>()
  if (past) {
    const before = standardised(past.columns, reference)
    for (const [actor, rows] of rowsByName(past.actors))
      if (rows.length >= 10)
        centres.set(
          actor,
          before.map((column) => rows.reduce((sum, row) => sum + column[row]!, 0) / rows.length),
        )
  }
  const origin = columns.map(() => 0)
  const distance = (of: Columns, row: number, centre: readonly number[]) =>
    of.reduce((sum, column, f) => sum + (column[row]! - centre[f]!) ** 2, 0)
  const known = standardised(reference, reference)
  const usual = Float64Array.from({ length: known[0]?.length ?? 0 }, (_, row) => distance(known, row, origin)).sort()
  const limit = usual[Math.floor(0.9 * usual.length)] ?? Number.POSITIVE_INFINITY
  return actors.map((actor, row) => distance(columns, row, centres.get(actor) ?? origin) > limit)
}
