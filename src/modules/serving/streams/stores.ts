import { AppError } from '../../../contract/errors.ts'
import type { StreamSpec, StreamWindow } from '../../../contract/streams.ts'
import { type JsonPath, parseJsonPath, valueAt } from '../../../lib/windows/json-path.ts'
import { type Changes, createKeyedWindow, createLastValues } from '../../../lib/windows/keyed-windows.ts'

const DEFAULT_PANES = 60
const MOST_KEY_LENGTH = 256

/** A feature that depends on the events before: one window or one store of last values. */
type Stateful = {
  readonly feature: string
  /** Reads what it needs of the event. Throws `invalid` for a value of the wrong type. */
  read(data: unknown): Reading
}
/** What one event brings to one stateful feature; without a key it has nothing to say. */
type Reading = { readonly key: string | null; readonly number: number | null }

/** The keyed state of one partition: windows and last values, by feature. */
export type KeyedState = ReturnType<typeof createKeyedState>

export function createKeyedState(spec: Pick<StreamSpec, 'windows' | 'enrich'>) {
  const windows = spec.windows.map((one) => ({
    ...statefulOf(one.name, one.key, one.of),
    countsAll: one.aggregate === 'count' && one.of === undefined,
    window: createKeyedWindow({ ...one, panes: panesOf(one) }),
  }))
  const lasts = spec.enrich.flatMap((one) =>
    one.kind === 'last' ? [{ ...statefulOf(one.name, one.key, one.of), values: createLastValues(one.mostKeys) }] : [],
  )
  const all = [
    ...windows.map((one) => ({ name: one.feature, state: one.window })),
    ...lasts.map((one) => ({ name: one.feature, state: one.values })),
  ]

  return {
    /**
     * The stateful features of an event, which joins them unless it is late. Throws `invalid` before anything has changed.
     */
    take(data: unknown, timeMs: number, watermarkMs: number, isLate: boolean): Map<string, number> {
      const readings = windows.map((one) => one.read(data))
      const lastReadings = lasts.map((one) => one.read(data))
      const values = new Map<string, number>()
      windows.forEach(({ feature, window, countsAll }, i) => {
        const { key, number } = readings[i]!
        if (key === null) return
        if (!isLate && (number !== null || countsAll)) {
          window.add(key, timeMs, number ?? 0)
          window.trim(key, watermarkMs)
        }
        values.set(feature, window.value(key, timeMs))
      })
      lasts.forEach(({ feature, values: store }, i) => {
        const { key, number } = lastReadings[i]!
        if (key === null) return
        values.set(feature, store.get(key))
        if (!isLate && number !== null) store.set(key, number)
      })
      return values
    },
    expire(watermarkMs: number): void {
      for (const { window } of windows) window.expire(watermarkMs)
    },
    takeChanges: (): [store: string, changes: Changes][] => all.map(({ name, state }) => [name, state.takeChanges()]),
    restore(states: ReadonlyMap<string, readonly (readonly [string, string])[]>): void {
      for (const { name, state } of all) state.restore(states.get(name) ?? [])
    },
    evicted: (): number => all.reduce((sum, { state }) => sum + state.evicted(), 0),
  }
}

function panesOf({ kind, panes }: StreamWindow): number {
  return kind === 'tumbling' ? 1 : (panes ?? DEFAULT_PANES)
}

function statefulOf(feature: string, keyPath: string, ofPath: string | undefined): Stateful {
  const key = parseJsonPath(keyPath)
  const of = ofPath === undefined ? undefined : parseJsonPath(ofPath)
  return {
    feature,
    read: (data) => ({ key: keyAt(data, key, feature), number: of === undefined ? null : numberAt(data, of, feature) }),
  }
}

function keyAt(data: unknown, path: JsonPath, feature: string): string | null {
  const value = valueAt(data, path)
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new AppError('invalid', `the key of ${feature} must be a text or a number, not ${JSON.stringify(value).slice(0, 60)}`)
  const key = String(value)
  if (key.length > MOST_KEY_LENGTH) throw new AppError('invalid', `the key of ${feature} is longer than ${MOST_KEY_LENGTH} letters`)
  return key
}

function numberAt(data: unknown, path: JsonPath, feature: string): number | null {
  const value = valueAt(data, path)
  if (value === undefined || value === null) return null
  if (typeof value !== 'number')
    throw new AppError('invalid', `the value of ${feature} must be a number or null, not ${JSON.stringify(value).slice(0, 60)}`)
  return value
}
