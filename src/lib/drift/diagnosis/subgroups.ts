import type { Random } from '../../random.ts'
import { normalTail } from '../../stats/distributions.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { shuffled } from './shapley.ts'

/** What rows may be told apart by: numbers (NaN missing) or names (actor, source, deployment, category). */
export type GroupingColumn =
  | { readonly name: string; readonly kind: 'numeric'; readonly values: ArrayLike<number> }
  | { readonly name: string; readonly kind: 'category'; readonly values: readonly string[] }

type Condition =
  | { readonly column: string; readonly kind: 'range'; readonly above: number | null; readonly upTo: number | null }
  | { readonly column: string; readonly kind: 'is'; readonly value: string }
  | { readonly column: string; readonly kind: 'missing' }

export type Subgroup = {
  readonly conditions: readonly Condition[]
  readonly rows: number
  /** Its part of all rows. */
  readonly share: number
  /** Mean outcome inside less mean outcome outside, on rows that were not searched. */
  readonly effect: number
  /** One-sided, on those rows, adjusted by Holm over all subgroups that were tried on them. */
  readonly adjustedP: number
  readonly text: string
}

export type SubgroupOptions = {
  readonly random: Random
  readonly depth?: 1 | 2 | 3
  readonly beam?: number
  readonly leastRows?: number
  readonly alpha?: number
  readonly most?: number
}

/** Rows that are looked at; of more, this many are drawn. */
const MOST_SEARCHED_ROWS = 20_000
const BINS = 8
const MOST_CATEGORIES = 100
/** A further condition must raise the z-score by this factor, so that the smallest description wins. */
const WORTH_A_CONDITION = 1.15
const OVERLAP = 0.5

/** One column as codes, with the condition that each interval of codes, or each code, stands for. */
type Coded = {
  readonly name: string
  readonly codes: Uint8Array
  readonly edges: readonly number[]
  readonly names: readonly string[] | null
}
type Part = { readonly column: number; readonly from: number; readonly to: number }
type Candidate = { readonly parts: readonly Part[]; readonly rows: Uint32Array; readonly z: number }

/**
 * Where the outcome (an error, a loss, a row being a current one) is high: a beam search over conjunctions of at most three
 * conditions (Lavrač et al. 2004; Chung et al. 2019, "Slice finder", for the use on errors) on one half of the rows, and a
 * one-sided test of the few best on the other half with Holm's correction, so that searching costs nothing in error rate.
 * A longer description must be clearly better, and of those that overlap by half the best is kept. Throws RangeError for
 * columns of another length.
 */
export function findSubgroups(columns: readonly GroupingColumn[], outcome: ArrayLike<number>, options: SubgroupOptions): Subgroup[] {
  const { random, depth = 3, beam = 12, leastRows = 20, alpha = 0.05, most = 8 } = options
  for (const column of columns)
    if (column.values.length !== outcome.length)
      throw new RangeError(`column ${column.name} has ${column.values.length} rows, the outcome ${outcome.length}`)
  const usable = shuffled(outcome.length, random)
    .filter((row) => Number.isFinite(outcome[row]!))
    .slice(0, MOST_SEARCHED_ROWS)
  const searched = Uint32Array.from(usable.slice(0, usable.length >> 1))
  const held = Uint32Array.from(usable.slice(usable.length >> 1))
  if (searched.length < 2 * leastRows) return []
  const coded = columns.map((column) => codeColumn(column, searched))
  const found = distinct(beamSearch(coded, outcome, searched, { depth, beam, leastRows }), most)
  const tested = found.map((candidate) => testOn(coded, outcome, held, candidate))
  const adjusted = holmAdjusted(tested.map(({ pValue }) => pValue))
  const kept = tested.flatMap((one, i) => (adjusted[i]! < alpha && one.rows.length > 0 ? [{ ...one, adjustedP: adjusted[i]! }] : []))
  return kept
    .map(({ parts, rows, effect, adjustedP }): Subgroup => {
      const conditions = parts.map((part) => conditionOf(coded[part.column]!, part))
      const share = rows.length / held.length
      return {
        conditions,
        rows: Math.round(share * outcome.length),
        share,
        effect,
        adjustedP,
        text: `${conditions.map(textOf).join(' and ')}: ${(100 * share).toFixed(1)} % of rows, ${effect >= 0 ? '+' : '−'}${Math.abs(effect).toFixed(3)} (p ${adjustedP < 1e-4 ? '< 0.0001' : `= ${adjustedP.toFixed(4)}`})`,
      }
    })
    .sort((a, b) => a.adjustedP - b.adjustedP || b.effect * b.share - a.effect * a.share)
}

function codeColumn(column: GroupingColumn, rows: Uint32Array): Coded {
  if (column.kind === 'category') {
    const counts = new Map<string, number>()
    for (const row of rows) counts.set(column.values[row]!, (counts.get(column.values[row]!) ?? 0) + 1)
    const names = [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, MOST_CATEGORIES)
      .map(([name]) => name)
    const codeOf = new Map(names.map((name, code) => [name, code]))
    return { name: column.name, names, edges: [], codes: Uint8Array.from(column.values, (name) => codeOf.get(name) ?? 255) }
  }
  const { values } = column
  const sorted = Float64Array.from(rows, (row) => values[row]!)
    .filter((value) => !Number.isNaN(value))
    .sort()
  const cuts = new Set<number>()
  for (let bin = 1; bin < BINS && sorted.length > 0; bin++) cuts.add(sorted[Math.floor((bin * sorted.length) / BINS)]!)
  const edges = [...cuts].filter((cut) => cut < sorted.at(-1)!).sort((a, b) => a - b)
  const code = (value: number) => {
    if (Number.isNaN(value)) return 254
    const bin = edges.findIndex((edge) => value <= edge)
    return bin < 0 ? edges.length : bin
  }
  return { name: column.name, names: null, edges, codes: Uint8Array.from({ length: values.length }, (_, row) => code(values[row]!)) }
}

type Search = { readonly depth: number; readonly beam: number; readonly leastRows: number }

function beamSearch(
  coded: readonly Coded[],
  outcome: ArrayLike<number>,
  rows: Uint32Array,
  { depth, beam, leastRows }: Search,
): Candidate[] {
  const { mean, variance } = momentsOf(outcome, rows)
  if (!(variance > 0)) return []
  const all: Candidate[] = []
  // The z of each description tried so far: a longer one must beat all the shorter ones within it, not only the one it grew from.
  const tried = new Map<string, number>()
  let level: Candidate[] = [{ parts: [], rows, z: 0 }]
  for (let d = 0; d < depth; d++) {
    const grown: { parent: Candidate; part: Part; z: number }[] = []
    for (const parent of level)
      for (const [column, own] of coded.entries()) {
        if (parent.parts.some((part) => part.column === column)) continue
        for (const part of partsOf(own, column, parent.rows, outcome, mean, leastRows)) {
          const z = zOf(part.sum, part.count, rows.length, variance)
          const parts = [...parent.parts, part.part]
          tried.set(keyOf(parts), z)
          const best = Math.max(0, ...parts.map((one) => tried.get(keyOf(parts.filter((other) => other !== one))) ?? 0))
          const bestSingle = Math.max(0, ...(parts.length > 1 ? parts.map((one) => tried.get(keyOf([one])) ?? 0) : []))
          if (z > WORTH_A_CONDITION * Math.max(best, bestSingle) && z > 1) grown.push({ parent, part: part.part, z })
        }
      }
    level = grown
      .sort((a, b) => b.z - a.z)
      .slice(0, beam)
      .map(({ parent, part, z }) => ({ parts: [...parent.parts, part], z, rows: parent.rows.filter((row) => holds(coded, part, row)) }))
    all.push(...level)
  }
  return all.sort((a, b) => b.z - a.z)
}

function keyOf(parts: readonly Part[]): string {
  return parts
    .map(({ column, from, to }) => `${column}:${from}-${to}`)
    .sort()
    .join('&')
}

/** Every part of a column that has enough rows: each code, and each run of bins that starts or ends at an end. */
function partsOf(own: Coded, column: number, rows: Uint32Array, outcome: ArrayLike<number>, mean: number, leastRows: number) {
  const count = new Float64Array(256)
  const sum = new Float64Array(256)
  for (const row of rows) {
    const code = own.codes[row]!
    count[code]!++
    sum[code]! += outcome[row]! - mean
  }
  const parts: { part: Part; count: number; sum: number }[] = []
  const add = (from: number, to: number, rowsIn: number, sumIn: number) => {
    if (rowsIn >= leastRows && rowsIn <= rows.length - leastRows / 2) parts.push({ part: { column, from, to }, count: rowsIn, sum: sumIn })
  }
  const last = own.names ? own.names.length - 1 : own.edges.length
  for (let code = 0; code <= last; code++) add(code, code, count[code]!, sum[code]!)
  if (own.names) return parts
  add(254, 254, count[254]!, sum[254]!)
  let [low, high, lowSum, highSum] = [0, 0, 0, 0]
  for (let step = 0; step < last; step++) {
    low += count[step]!
    lowSum += sum[step]!
    high += count[last - step]!
    highSum += sum[last - step]!
    if (step === 0) continue
    add(0, step, low, lowSum)
    add(last - step, last, high, highSum)
  }
  return parts
}

function zOf(sum: number, count: number, rows: number, variance: number): number {
  const spread = Math.sqrt(variance * count * (1 - count / rows))
  return spread > 0 ? sum / spread : 0
}

function holds(coded: readonly Coded[], { column, from, to }: Part, row: number): boolean {
  const code = coded[column]!.codes[row]!
  return code >= from && code <= to
}

/** The best candidates, each of which shares at most half of the rows of the smaller one with any better one. */
function distinct(candidates: readonly Candidate[], most: number): Candidate[] {
  const kept: { candidate: Candidate; rows: Set<number> }[] = []
  for (const candidate of candidates) {
    if (kept.length >= most) break
    const overlaps = kept.some(({ rows }) => {
      const common = candidate.rows.reduce((sum, row) => sum + Number(rows.has(row)), 0)
      return common > OVERLAP * Math.min(rows.size, candidate.rows.length)
    })
    if (!overlaps) kept.push({ candidate, rows: new Set(candidate.rows) })
  }
  return kept.map(({ candidate }) => candidate)
}

function testOn(coded: readonly Coded[], outcome: ArrayLike<number>, held: Uint32Array, { parts }: Candidate) {
  const isIn = (row: number) => parts.every((part) => holds(coded, part, row))
  const rows = held.filter(isIn)
  const others = held.filter((row) => !isIn(row))
  const [own, rest, all] = [momentsOf(outcome, rows), momentsOf(outcome, others), momentsOf(outcome, held)]
  // The pooled variance: with few rows inside, and outcomes of 0 and 1, their own may come out 0.
  const error = Math.sqrt(all.variance * (1 / rows.length + 1 / others.length))
  const effect = own.mean - rest.mean
  return { parts, rows, effect, pValue: rows.length > 1 && others.length > 1 && error > 0 ? normalTail(effect / error) : 1 }
}

function momentsOf(values: ArrayLike<number>, rows: Uint32Array): { mean: number; variance: number } {
  const mean = rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length
  return { mean, variance: rows.reduce((sum, row) => sum + (values[row]! - mean) ** 2, 0) / rows.length }
}

function conditionOf(own: Coded, { from, to }: Part): Condition {
  if (own.names) return { column: own.name, kind: 'is', value: own.names[from]! }
  if (from === 254) return { column: own.name, kind: 'missing' }
  return { column: own.name, kind: 'range', above: from === 0 ? null : own.edges[from - 1]!, upTo: own.edges[to] ?? null }
}

function textOf(condition: Condition): string {
  if (condition.kind === 'is') return `${condition.column} is ${condition.value}`
  if (condition.kind === 'missing') return `${condition.column} is missing`
  const [low, high] = [condition.above, condition.upTo].map((end) => (end === null ? null : String(Number(end.toPrecision(4)))))
  if (low === null) return high === null ? `${condition.column} is present` : `${condition.column} ≤ ${high}`
  return high === null ? `${condition.column} > ${low}` : `${low} < ${condition.column} ≤ ${high}`
}
