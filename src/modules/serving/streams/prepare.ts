import { AppError } from '../../../contract/errors.ts'
import type { StreamSpec } from '../../../contract/streams.ts'
import type { StreamEvent } from '../../../infra/streams/port.ts'
import { type JsonPath, parseJsonPath, valueAt } from '../../../lib/windows/json-path.ts'
import type { Live } from '../deployments/index.ts'
import type { KeyedState } from './stores.ts'
import type { LookupTable } from './tables.ts'

/** An event with the row that the model takes. */
export type Prepared = {
  readonly event: StreamEvent
  readonly id: string
  readonly timeMs: number
  readonly values: Float32Array
  /** The features that were not in the event itself. */
  readonly derived: Readonly<Record<string, number | null>>
  readonly actor: string
  readonly source: string
  readonly isLate: boolean
}
/** What is not scored, and why. `dropped`: by policy, without a dead letter. */
export type Refused = { readonly event: StreamEvent; readonly reason: string; readonly isLate: boolean; readonly isDropped: boolean }
export type Preparation = { readonly prepared: Prepared } | { readonly refused: Refused }

/** Event time in a partition, as far as it has been seen. */
export type EventTime = { latestMs: number | null }

const MOST_ID_LENGTH = 128
type Place = { readonly name: string; readonly path: JsonPath; readonly required: boolean; readonly fallback: number }

/** Makes rows of events: reads, checks, joins, and asks the windows. What cannot become a row is refused with its reason. */
export function createPrepare(spec: StreamSpec, tables: readonly LookupTable[]) {
  const idPath = parseJsonPath(spec.event.id)
  const [timePath, actorPath, sourcePath] = [spec.event.time, spec.event.actor, spec.event.source].map((path) =>
    path === undefined ? undefined : parseJsonPath(path),
  )
  const joins = spec.enrich
    .filter((one) => one.kind === 'table')
    .map((one, i) => ({ on: parseJsonPath(one.on), name: one.name, table: tables[i]! }))
  const derivedNames = new Set([
    ...spec.windows.map(({ name }) => name),
    ...spec.enrich.flatMap((one) => (one.kind === 'last' ? [one.name] : Object.keys(one.features))),
  ])
  const plans = new WeakMap<Live, readonly Place[]>()

  function placesOf(live: Live): readonly Place[] {
    let places = plans.get(live)
    if (!places) {
      const root = spec.event.featuresAt === undefined ? [] : parseJsonPath(spec.event.featuresAt)
      places = live.champion.features.map((name) => {
        const given = spec.event.features[name]
        const rule = live.spec.features[name]
        return {
          name,
          path: given === undefined ? [...root, name] : parseJsonPath(given),
          required: rule?.required !== false,
          fallback: rule?.default ?? Number.NaN,
        }
      })
      plans.set(live, places)
    }
    return places
  }

  function timeOf(data: unknown, event: StreamEvent, nowMs: number): number {
    const value = timePath === undefined ? event.atMs : valueAt(data, timePath)
    const timeMs = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : Number.NaN
    if (!Number.isFinite(timeMs) || timeMs < 0)
      throw invalid(`its time must be milliseconds or ISO 8601; ${shown(value)} was found at ${spec.event.time}`)
    if (timeMs > nowMs + spec.mostAheadMs)
      throw invalid(`its time lies ${timeMs - nowMs} ms in the future; the stream allows ${spec.mostAheadMs}`)
    return timeMs
  }

  function join(data: unknown, values: Map<string, number>): void {
    for (const { on, table } of joins) {
      const key = valueAt(data, on)
      for (const [feature, known] of table) values.set(feature, known.get(String(key)) ?? Number.NaN)
    }
  }

  /** The features that lie in the event itself; the others are left missing. */
  function ownValues(live: Live, data: unknown): Float32Array {
    const places = placesOf(live)
    const row = new Float32Array(places.length)
    places.forEach(({ name, path, required, fallback }, column) => {
      if (derivedNames.has(name)) return
      const value = valueAt(data, path)
      if (typeof value === 'number') row[column] = value
      else if (value === null) row[column] = Number.NaN
      else if (value !== undefined) throw invalid(`feature ${name} must be a number or null; ${shown(value)} was found`)
      else if (required) throw invalid(`feature ${name} is missing; send null for a value that is not known`)
      else row[column] = fallback
    })
    return row
  }

  return (event: StreamEvent, live: Live, keyed: KeyedState, time: EventTime, nowMs: number): Preparation => {
    let isLate = false
    try {
      const data = dataOf(event)
      const id = idOf(valueAt(data, idPath), spec.event.id)
      const timeMs = timeOf(data, event, nowMs)
      const watermarkMs = time.latestMs === null ? Number.NEGATIVE_INFINITY : time.latestMs - spec.late.allowedMs
      isLate = timeMs < watermarkMs
      if (isLate && spec.late.policy !== 'score')
        return {
          refused: {
            event,
            reason: `late: its time is ${watermarkMs - timeMs} ms before the watermark`,
            isLate,
            isDropped: spec.late.policy === 'drop',
          },
        }
      const row = ownValues(live, data)
      const latestMs = Math.max(time.latestMs ?? 0, timeMs)
      const derived = keyed.take(data, timeMs, latestMs - spec.late.allowedMs, isLate)
      if (!isLate) time.latestMs = latestMs
      join(data, derived)
      live.champion.features.forEach((name, column) => {
        if (derivedNames.has(name)) row[column] = derived.get(name) ?? Number.NaN
      })
      const told = Object.fromEntries([...derived].map(([name, value]) => [name, Number.isNaN(value) ? null : value]))
      return {
        prepared: { event, id, timeMs, values: row, derived: told, actor: whoAt(data, actorPath), source: whoAt(data, sourcePath), isLate },
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { refused: { event, reason: error.message, isLate, isDropped: false } }
    }
  }
}

const invalid = (problem: string) => new AppError('invalid', problem)
const shown = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60))

function dataOf({ bytes }: StreamEvent): unknown {
  let data: unknown
  try {
    data = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch {
    throw invalid('it is no JSON')
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw invalid('it must be a JSON object')
  return data
}

function idOf(value: unknown, path: string): string {
  const id = typeof value === 'number' ? String(value) : value
  if (typeof id !== 'string' || id === '' || id.length > MOST_ID_LENGTH)
    throw invalid(`its id must be a text of 1 to ${MOST_ID_LENGTH} letters, or a number; ${shown(value)} was found at ${path}`)
  return id
}

function whoAt(data: unknown, path: JsonPath | undefined): string {
  const value = path === undefined ? '' : valueAt(data, path)
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, MOST_ID_LENGTH) : ''
}
