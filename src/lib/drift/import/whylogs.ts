import { createWire, type Field, integerOf, readFields, readMessage, readVarints, textOf, type Wire } from '../../protobuf/wire-reader.ts'
import { quantilesOf, ranksOf } from '../profile/quantiles.ts'
import type { ColumnProfile, NumericColumn } from '../profile/table-profile.ts'
import { type Imported, numericColumnFrom, profileWithoutRows } from './imported.ts'
import { itemsFromFrequent, quantilesFromKll } from './sketches.ts'

const MAGIC = 'WHY1'
const MOST_FIELDS = 5_000_000
const BINS = 12

export function isWhylogs(bytes: Uint8Array): boolean {
  return bytes.length > 4 && String.fromCharCode(...bytes.subarray(0, 4)) === MAGIC
}

/**
 * The profile in a whylogs file (`.bin`, format “WHY1” of whylogs 1): of numbers the counts, moments and KLL sketch, whose levels are
 * those of ours; of texts the frequent items. Bins are cut at the sketch’s quantiles, so their counts are estimates, off by about 1 %
 * of the rows. Throws RangeError for a file that is none, one of several segments, or one without any column that can be compared.
 */
export function profileFromWhylogs(bytes: Uint8Array): Imported {
  if (!isWhylogs(bytes)) throw new RangeError(`it does not begin with ${MAGIC}, as profiles of whylogs 1 do`)
  const wire = createWire(bytes, MOST_FIELDS)
  const segments = delimited(wire, MAGIC.length)
  readFields(wire, segments.start, segments.end, (field) => {
    if (field.number === 1 && integerOf(field) !== 0) throw new RangeError('it holds several segments; write one file for each')
  })
  const header = delimited(wire, segments.end)
  const { offsets, paths } = headerOf(wire, header)
  const problems: string[] = []
  const columns = [...offsets].flatMap(([name, offset]): ColumnProfile[] => {
    try {
      const column = columnFrom(name, metricsAt(wire, header.end + offset, paths), problems)
      return column ? [column] : []
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      problems.push(`${name}: ${error.message}`)
      return []
    }
  })
  if (columns.every(({ kind }) => kind === 'empty'))
    throw new RangeError(`nothing in it can be compared: ${problems.join('; ') || 'it has no columns'}`)
  const rows = columns.map((column) => presentRows(column) + column.missing)
  return {
    profile: profileWithoutRows(Math.max(...rows), columns),
    problems,
    unread: [...offsets.keys()].filter((name) => !columns.some((column) => column.name === name)),
  }
}

/** A message after its length. */
function delimited(wire: Wire, at: number): { readonly start: number; readonly end: number } {
  let [length, shift, next] = [0, 1, at]
  for (;;) {
    const byte = wire.bytes[next++]
    if (byte === undefined || shift > 2 ** 42) throw new RangeError(`a length is cut off at byte ${at}`)
    length += (byte & 0x7f) * shift
    shift *= 128
    if (byte < 0x80) break
  }
  if (next + length > wire.bytes.length) throw new RangeError(`the message at byte ${at} runs beyond the end of the file`)
  return { start: next, end: next + length }
}

function headerOf(wire: Wire, { start, end }: { readonly start: number; readonly end: number }) {
  const offsets = new Map<string, number>()
  const paths = new Map<number, string>()
  readFields(wire, start, end, (field) => {
    if (field.number === 2) {
      let [name, offset] = ['', Number.NaN]
      readMessage(wire, field, (entry) => {
        if (entry.number === 1) name = textOf(wire, entry)
        if (entry.number === 2)
          readMessage(wire, entry, (list) => {
            readVarints(wire, list, (one) => {
              if (Number.isNaN(offset)) offset = integerOf(one)
            })
          })
      })
      offsets.set(name, Number.isNaN(offset) ? 0 : offset)
    }
    if (field.number === 5) {
      let [index, path] = [0, '']
      readMessage(wire, field, (entry) => {
        if (entry.number === 1) index = integerOf(entry)
        if (entry.number === 2) path = textOf(wire, entry)
      })
      paths.set(index, path)
    }
  })
  return { offsets, paths }
}

/** One component of a metric: a whole number, a double, or the bytes of a sketch. */
type Component = { whole?: number; double?: number; sketch?: Uint8Array }

function metricsAt(wire: Wire, at: number, paths: ReadonlyMap<number, string>): Map<string, Component> {
  let length = 0
  const header = delimited(wire, at)
  readFields(wire, header.start, header.end, (field) => {
    if (field.number === 3) length = integerOf(field)
  })
  if (header.end + length > wire.bytes.length) throw new RangeError('the column runs beyond the end of the file')
  const metrics = new Map<string, Component>()
  readFields(wire, header.end, header.end + length, (field) => {
    if (field.number !== 1) return
    let [index, component] = [0, {} as Component]
    readMessage(wire, field, (entry) => {
      if (entry.number === 1) index = integerOf(entry)
      if (entry.number === 2) component = componentOf(wire, entry)
    })
    metrics.set(paths.get(index) ?? `metric ${index}`, component)
  })
  return metrics
}

function componentOf(wire: Wire, message: Readonly<Field>): Component {
  const component: Component = {}
  readMessage(wire, message, (field) => {
    if (field.number === 2) component.whole = integerOf(field)
    if (field.number === 3 && field.kind === 'fixed64') component.double = wire.view.getFloat64(field.start, true)
    // Frequent items (4) and KLL (6) are messages of one field of bytes.
    if (field.number === 4 || field.number === 6)
      readMessage(wire, field, (inner) => {
        if (inner.number === 1 && inner.kind === 'bytes') component.sketch = wire.bytes.slice(inner.start, inner.end)
      })
  })
  return component
}

function columnFrom(name: string, metrics: ReadonlyMap<string, Component>, problems: string[]): ColumnProfile | undefined {
  const whole = (path: string) => metrics.get(path)?.whole ?? 0
  const rows = whole('counts/n')
  if (rows > 0 && whole('counts/null') === rows) return { name, kind: 'empty', missing: rows }
  const numbers = whole('types/integral') + whole('types/fractional')
  const others = whole('types/string') + whole('types/boolean') + whole('types/object') + whole('types/tensor')
  if (numbers > others) return numbersFrom(name, rows, metrics, problems)
  if (whole('types/boolean') > 0) {
    const yes = whole('counts/true')
    const present = whole('types/boolean')
    return {
      name,
      kind: 'category',
      missing: Math.max(0, rows - present),
      values: [
        ['true', yes],
        ['false', present - yes],
      ],
      other: 0,
    }
  }
  const frequent = metrics.get('frequent_items/frequent_strings')?.sketch
  if (whole('types/string') === 0 || !frequent) {
    problems.push(`${name}: ${rows} rows, of which the profile counted neither numbers nor texts`)
    return undefined
  }
  const items = itemsFromFrequent(frequent)
  const named = items.values.reduce((sum, [, count]) => sum + count, 0)
  if (items.error > 0) problems.push(`${name}: counts of names are too small by up to ${items.error} rows each`)
  return { name, kind: 'category', missing: Math.max(0, rows - items.rows), values: items.values, other: items.rows - named }
}

function numbersFrom(name: string, rows: number, metrics: ReadonlyMap<string, Component>, problems: string[]): NumericColumn | undefined {
  const bytes = metrics.get('distribution/kll')?.sketch
  const found = bytes && quantilesFromKll(bytes)
  if (!found) {
    problems.push(`${name}: the profile holds no distribution of it`)
    return undefined
  }
  const { sketch, min, max } = found
  const values = [...new Set(sketch.levels.flat())].sort((a, b) => a - b)
  const edges =
    values.length <= BINS
      ? values.slice(1).map((value, i) => (value + values[i]!) / 2)
      : [
          ...new Set(
            quantilesOf(
              sketch,
              Array.from({ length: BINS - 1 }, (_, i) => (i + 1) / BINS),
            ),
          ),
        ].filter((edge) => edge < max)
  const upTo = [...ranksOf(sketch, edges), 1].map((rank) => Math.round(rank * sketch.rows))
  const mean = metrics.get('distribution/mean')?.double
  const squares = metrics.get('distribution/m2')?.double
  return numericColumnFrom({
    name,
    missing: Math.max(0, rows - sketch.rows),
    counts: upTo.map((count, bin) => count - (upTo[bin - 1] ?? 0)),
    edges,
    min,
    max,
    ...(mean === undefined ? {} : { mean }),
    ...(squares === undefined || sketch.rows < 2 ? {} : { variance: squares / (sketch.rows - 1) }),
    quantiles: sketch,
    wholeNumbers: (metrics.get('types/fractional')?.whole ?? 0) === 0,
  })
}

function presentRows(column: ColumnProfile): number {
  if (column.kind === 'numeric') return column.counts.reduce((sum, count) => sum + count, 0)
  return column.kind === 'category' ? column.values.reduce((sum, [, rows]) => sum + rows, column.other) : 0
}
