import type { Random } from '../../random.ts'
import type { Columns } from '../estimation/boosted-trees.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { type AttackFinding, cellKeys, LEAST_ACTOR_ROWS, rowsByName, standardised } from './attacks.ts'
import { excessPValue } from './exact-tests.ts'

export type LabelledTraffic = {
  readonly columns: Columns
  /** Calibrated probabilities of a positive. */
  readonly probabilities: ArrayLike<number>
  /** 0 or 1; NaN where there is none. */
  readonly labels: ArrayLike<number>
  readonly sources: readonly string[]
}

/** Rows that are looked at: the latest. */
const MOST_POISONING_ROWS = 20_000
const SURE = 0.8
const LEAST_EXCESS = 0.1
const CELL = 0.25
const PERMUTATIONS = 99

/**
 * Sources of labels that lie. Three signs, each against everybody else's labels: labels that contradict the model where it is
 * at least 80 % sure (Fisher); labels opposite to a near-duplicate's from another source (Fisher); and how far the source's
 * rows drag the centroid of their class (permutation of sources within the class; Koh & Liang 2017 for why influence). In
 * concept drift all sources contradict alike, so none is named. Only sources that also exceed the others by a tenth in some
 * share of rows are named. Throws RangeError when lengths differ.
 */
export function findPoisoning(traffic: LabelledTraffic, reference: Columns, random: Random, alpha = 0.01): AttackFinding[] {
  const { labels, probabilities, sources } = traffic
  if (labels.length !== sources.length || labels.length !== probabilities.length)
    throw new RangeError(`${labels.length} labels do not match ${sources.length} sources and ${probabilities.length} probabilities`)
  const first = Math.max(0, labels.length - MOST_POISONING_ROWS)
  const rows = Array.from({ length: labels.length - first }, (_, i) => first + i).filter((row) => Number.isFinite(labels[row]!))
  const own = {
    labels: rows.map((row) => labels[row]!),
    sure: rows.map((row) => Math.max(probabilities[row]!, 1 - probabilities[row]!) >= SURE),
    against: rows.map((row) => labels[row]! !== Number(probabilities[row]! >= 0.5)),
    columns: standardised(
      traffic.columns.map((column) => rows.map((row) => column[row]!)),
      reference,
    ),
    sources: rows.map((row) => sources[row]!),
  }
  const groups = [...rowsByName(own.sources)].filter(([, of]) => of.length >= LEAST_ACTOR_ROWS && of.length < rows.length)
  const twins = oppositeTwins(own)
  const findings = groups.map(([by, of]) => {
    const conflict = excessOf(
      of,
      (row) => own.against[row]!,
      (row) => own.sure[row]!,
      rows.length,
    )
    const twin = excessOf(
      of,
      (row) => twins[row]!,
      () => true,
      rows.length,
    )
    const signs = [
      { name: 'contradicts the model where it is sure', ...conflict },
      { name: 'opposite to near-duplicates of other sources', ...twin },
      { name: 'drags the centroid of its class', excess: 0, pValue: dragPValue(own, by, random) },
    ]
    return { by, rows: of.length, signs, pValue: Math.min(1, signs.length * Math.min(...signs.slice(0, 2).map(({ pValue }) => pValue))) }
  })
  const adjusted = holmAdjusted(findings.map(({ pValue }) => pValue))
  return findings.flatMap(({ by, rows: count, signs }, i): AttackFinding[] => {
    if (adjusted[i]! >= alpha || !signs.some(({ excess, pValue }) => excess >= LEAST_EXCESS && pValue < alpha)) return []
    const [worst] = signs.toSorted((a, b) => b.excess - a.excess)
    const text = `labels of ${by} (${count} rows): ${worst!.name} in ${(100 * worst!.excess).toFixed(1)} % more of its rows than others`
    return [{ attack: 'poisoning', by, rows: count, signs, adjustedP: adjusted[i]!, text }]
  })
}

/** By how much a group's share of hits exceeds everybody else's, among the rows that count, and its one-sided p-value. */
export function excessOf(group: readonly number[], isHit: (row: number) => boolean, counts: (row: number) => boolean, rows: number) {
  let [all, hits] = [0, 0]
  for (let row = 0; row < rows; row++)
    if (counts(row)) {
      all++
      hits += Number(isHit(row))
    }
  const own = group.filter(counts)
  const ownHits = own.filter(isHit).length
  const [others, otherHits] = [all - own.length, hits - ownHits]
  if (own.length < 5 || others < 5) return { excess: 0, pValue: 1 }
  return { excess: ownHits / own.length - otherHits / others, pValue: excessPValue(ownHits, own.length, hits, all) }
}

type Own = { labels: readonly number[]; columns: Columns; sources: readonly string[] }

/** Whether a row has a near-duplicate from another source with the opposite label. */
function oppositeTwins({ labels, columns, sources }: Own): boolean[] {
  const keys = cellKeys(columns, CELL)
  const cells = Map.groupBy(
    keys.map((_, row) => row),
    (row) => keys[row]!,
  )
  return keys.map((key, row) => cells.get(key)!.some((other) => sources[other] !== sources[row] && labels[other] !== labels[row]))
}

/** How often sources shuffled within the classes are as far from the others' centroids as this one; at least 1/100. */
function dragPValue({ labels, columns, sources }: Own, by: string, random: Random): number {
  const isOwn = sources.map((source) => source === by)
  const classes = [0, 1].map((label) => labels.flatMap((own, row) => (own === label ? [row] : [])))
  const counts = classes.map((rows) => rows.filter((row) => isOwn[row]).length)
  const totals = classes.map((rows) => columns.map((column) => rows.reduce((sum, row) => sum + column[row]!, 0)))
  const distance = (chosen: readonly (readonly number[])[]) =>
    classes.reduce((sum, rows, label) => {
      const own = chosen[label]!
      if (own.length === 0 || own.length === rows.length) return sum
      const gap = (column: ArrayLike<number>, f: number) => {
        const part = own.reduce((total, row) => total + column[row]!, 0)
        return part / own.length - (totals[label]![f]! - part) / (rows.length - own.length)
      }
      return sum + own.length * columns.reduce((squares, column, f) => squares + gap(column, f) ** 2, 0)
    }, 0)
  const seen = distance(classes.map((rows) => rows.filter((row) => isOwn[row])))
  let asFar = 0
  for (let p = 0; p < PERMUTATIONS; p++) {
    const drawn = classes.map((rows, label) => drawFew(rows, counts[label]!, random))
    if (distance(drawn) >= seen) asFar++
  }
  return (1 + asFar) / (1 + PERMUTATIONS)
}

/** `count` of the rows, without replacement (the first steps of Fisher & Yates). */
function drawFew(rows: readonly number[], count: number, random: Random): number[] {
  const pool = [...rows]
  for (let i = 0; i < count; i++) {
    const j = i + random.int(pool.length - i)
    ;[pool[i], pool[j]] = [pool[j]!, pool[i]!]
  }
  return pool.slice(0, count)
}
