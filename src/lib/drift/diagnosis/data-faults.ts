import type { Columns } from '../estimation/boosted-trees.ts'
import { valueText } from '../two-sample/findings.ts'
import { excessPValue, kolmogorovSmirnov } from './exact-tests.ts'

export type DataFault = {
  readonly feature: string
  readonly kind: 'missing' | 'stuck' | 'out_of_range' | 'unit'
  /** The source whose rows show it; null when all do. */
  readonly source: string | null
  /** The part of the rows looked at that show it. */
  readonly share: number
  readonly pValue: number
  readonly text: string
}

export type FaultRows = { readonly columns: Columns; readonly sources?: readonly string[] }

const LEAST_ROWS = 30
/** A share that is certain to have risen and yet by less than this is no fault. */
const LEAST_RISE = 0.1
const STUCK_SHARE = 0.95
/** Values beyond the reference's range by its whole width. */
const BEYOND_WIDTHS = 1
/** From so many times as long as the other side on, a side is a long tail. */
const LONG_TAIL = 3
/** Factors by which units are mistaken for each other, with their names; the inverse is tried too. */
const FACTORS: readonly (readonly [factor: number, text: string])[] = [
  [1_000, 'a thousand'],
  [1e6, 'a million'],
  [100, 'a hundred: percent and share'],
  [10, 'ten'],
  [60, 'sixty: minutes and hours'],
  [3_600, '3,600: seconds and hours'],
  [1_024, '1,024: bytes'],
  [2.54, '2.54: centimetres and inches'],
  [0.45359237, '0.4536: kilograms and pounds'],
  [1.609344, '1.609: kilometres and miles'],
  [0.3048, '0.3048: metres and feet'],
  [-1, '−1: the sign turned'],
]
const SHIFTS: readonly (readonly [slope: number, offset: number, text: string])[] = [
  [1.8, 32, '°C read as °F'],
  [1 / 1.8, -32 / 1.8, '°F read as °C'],
  [1, 273.15, '°C read as K'],
  [1, -273.15, 'K read as °C'],
]
/** A change of unit moves the distribution by more than this, and its known rule brings it back. */
const LEAST_UNIT_DISTANCE = 0.25
const UNEXPLAINED = 0.3

/**
 * Faults of the data path, which are cheaper to look for than any change of the world: a feature that went missing, stands
 * still, leaves its range, or came in another unit; in all rows, or in those of one source. A unit is told by the
 * distribution, which moved far and is brought back by a known factor (or °C, °F, K). P-values are Fisher's, for units Kolmogorov
 * and Smirnov's for having moved, times the features and sources looked at. Throws RangeError for names that do not match.
 */
export function findDataFaults(names: readonly string[], reference: Columns, current: FaultRows): DataFault[] {
  if (names.length !== reference.length || names.length !== current.columns.length)
    throw new RangeError(`${names.length} names do not match ${reference.length} and ${current.columns.length} columns`)
  const rows = Array.from({ length: current.columns[0]?.length ?? 0 }, (_, i) => i)
  const bySource = [...Map.groupBy(rows, (row) => current.sources?.[row] ?? '')].filter(([, own]) => own.length >= LEAST_ROWS)
  const looks = names.length * (bySource.length + 1)
  return names.flatMap((feature, f) => {
    const before = Float64Array.from(reference[f]!)
    const look = (source: string | null, own: readonly number[]): DataFault[] => {
      if (own.length < LEAST_ROWS || before.length < LEAST_ROWS) return []
      const now = Float64Array.from(own, (row) => current.columns[f]![row]!)
      const found = missing(before, now) ?? stuck(before, now) ?? unit(before, now) ?? outOfRange(before, now)
      if (!found || found.pValue * looks > 0.01) return []
      const where = source === null ? '' : ` in rows of ${source}`
      return [{ feature, source, ...found, pValue: Math.min(1, found.pValue * looks), text: `${feature} ${found.text}${where}` }]
    }
    // What some sources show and others do not is told of them; else of all rows.
    const single = bySource.length > 1 ? bySource.flatMap(([source, own]) => look(source, own)) : []
    return single.length > 0 && single.length < bySource.length ? single : look(null, rows)
  })
}

type Found = Pick<DataFault, 'kind' | 'share' | 'pValue' | 'text'> | null
const percent = (share: number) => `${(100 * share).toFixed(1)} %`

function missing(before: Float64Array, now: Float64Array): Found {
  const [was, is] = [before, now].map((values) => values.reduce((sum, value) => sum + Number(Number.isNaN(value)), 0)) as [number, number]
  const share = is / now.length
  if (share - was / before.length < LEAST_RISE) return null
  const pValue = excessPValue(is, now.length, is + was, now.length + before.length)
  return { kind: 'missing', share, pValue, text: `is missing in ${percent(share)} of rows (${percent(was / before.length)} before)` }
}

function stuck(before: Float64Array, now: Float64Array): Found {
  const counts = new Map<number, number>()
  for (const value of now) if (!Number.isNaN(value)) counts.set(value, (counts.get(value) ?? 0) + 1)
  const [value, count] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [Number.NaN, 0])
  const share = count / now.length
  const was = before.reduce((sum, own) => sum + Number(own === value), 0)
  if (share < STUCK_SHARE || was / before.length > 0.8) return null
  const pValue = excessPValue(count, now.length, count + was, now.length + before.length)
  return { kind: 'stuck', share, pValue, text: `stands still at ${valueText(value)} in ${percent(share)} of rows` }
}

function outOfRange(before: Float64Array, now: Float64Array): Found {
  const known = before.filter(Number.isFinite).sort()
  if (known.length === 0) return null
  const [low, high] = [known[0]!, known.at(-1)!]
  const { least, most } = limitsOf(low, known[Math.floor(known.length / 2)]!, high)
  const out = now.reduce((sum, value) => sum + Number(value < least || value > most), 0)
  const share = out / now.length
  if (share < LEAST_RISE) return null
  const pValue = excessPValue(out, now.length, out, now.length + known.length)
  return {
    kind: 'out_of_range',
    share,
    pValue,
    text: `lies far outside its range of ${valueText(low)} to ${valueText(high)} in ${percent(share)} of rows`,
  }
}

/**
 * How far values may go beyond the range of the reference: by its whole width; where it has a long tail on one side, and no value
 * that would change sign on the way, as much further than its end as that lies from the median, in proportion.
 */
function limitsOf(low: number, median: number, high: number): { readonly least: number; readonly most: number } {
  const slack = (high - low) * BEYOND_WIDTHS
  const [above, below] = [high - median, median - low]
  const most = low >= 0 && median > 0 && above > LONG_TAIL * below ? Math.max(high + slack, high * (high / median)) : high + slack
  const least = high <= 0 && median < 0 && below > LONG_TAIL * above ? Math.min(low - slack, low * (low / median)) : low - slack
  return { least, most }
}

function unit(before: Float64Array, now: Float64Array): Found {
  const [was, is] = [before, now].map((values) => values.filter(Number.isFinite)) as [Float64Array, Float64Array]
  const plain = kolmogorovSmirnov(was, is)
  if (Math.min(was.length, is.length) < LEAST_ROWS || plain.distance < LEAST_UNIT_DISTANCE) return null
  // A rule must explain most of the move: with few rows, chance alone would let a poor one pass.
  const limit = Math.min(UNEXPLAINED * plain.distance, Math.max(2 / Math.sqrt(is.length), 0.1))
  const fits = (slope: number, offset: number) =>
    kolmogorovSmirnov(
      was.map((value) => slope * value + offset),
      is,
    ).distance < limit && Math.abs(1 - slope) + Math.abs(offset) > 0
  const factor = FACTORS.flatMap(([by, text]) => [
    { by, text, divides: false },
    { by: 1 / by, text, divides: true },
  ]).find(({ by }) => fits(by, 0))
  if (factor) {
    const verb = factor.divides ? 'divided' : 'multiplied'
    return { kind: 'unit', share: 1, pValue: plain.pValue, text: `is ${verb} by ${factor.text}` }
  }
  const shift = SHIFTS.find(([slope, offset]) => fits(slope, offset))
  return shift ? { kind: 'unit', share: 1, pValue: plain.pValue, text: `looks like ${shift[2]}` } : null
}
