import type { LoadBounds } from '../../lib/load/verdict.ts'
import { usageError } from '../failures.ts'
import { countFrom } from '../replay/values.ts'
import { type Protocol, protocols } from './requests.ts'

/** The command line’s words, before they are checked. */
export type Given = {
  rate?: string
  duration: string
  warmup: string
  timeout: string
  connections: string
  rows: string
  body?: string
  row?: string[]
  protocol: string
  maxP99Ms?: string
  maxErrorRate: string
  step?: boolean
  save?: boolean
  json?: boolean
}

export type Choices = {
  readonly rate: number | undefined
  readonly durationMs: number
  readonly warmupMs: number
  readonly timeoutMs: number
  readonly connections: number
  readonly rows: number
  readonly protocol: Protocol
  readonly bounds: LoadBounds
  readonly step: boolean
}

const MOST_CONNECTIONS = 10_000
const MOST_RATE = 1_000_000
const MOST_SECONDS = 86_400

/** Checks every word at once; throws a usage error that names the flag and what it takes. */
export function choicesFrom(given: Given): Choices {
  if (given.body !== undefined && given.row) throw usageError('--body and --row both say what is sent; give one of them')
  if (!protocols.includes(given.protocol as Protocol))
    throw usageError(`--protocol: "${given.protocol}" is none of ${protocols.join(', ')}`)
  const protocol = given.protocol as Protocol
  if (given.body !== undefined && protocol === 'oip-binary')
    throw usageError('--body: a file of JSON cannot be sent as oip-binary; use --row')
  const connections = countFrom('--connections', given.connections)
  if (connections > MOST_CONNECTIONS) throw usageError(`--connections: at most ${MOST_CONNECTIONS} are opened`)
  const rate = given.rate === undefined ? undefined : numberBetween('--rate', given.rate, 0.01, MOST_RATE)
  const step = given.step ?? false
  if (step && given.maxP99Ms === undefined) throw usageError('--step looks for the highest rate under a bound; give it as --max-p99-ms')
  const rows = countFrom('--rows', given.rows)
  if (protocol === 'v1' && rows > 1) throw usageError('--rows: protocol v1 carries one row in a request; use --protocol oip for more')
  return {
    rate,
    durationMs: secondsFrom('--duration', given.duration, 0.05),
    warmupMs: secondsFrom('--warmup', given.warmup, 0),
    timeoutMs: secondsFrom('--timeout', given.timeout, 0.001),
    connections,
    rows,
    protocol,
    step,
    bounds: {
      ...(given.maxP99Ms === undefined ? {} : { maxP99Ms: numberBetween('--max-p99-ms', given.maxP99Ms, 0.001, MOST_SECONDS * 1_000) }),
      maxErrorRate: numberBetween('--max-error-rate', given.maxErrorRate, 0, 1),
    },
  }
}

export function numberBetween(flag: string, typed: string, low: number, high: number): number {
  const value = typed.trim() === '' ? Number.NaN : Number(typed)
  if (value >= low && value <= high) return value
  throw usageError(`${flag}: "${typed}" is not taken; give a number from ${low} to ${high}`)
}

/** Seconds, as `10`, `10s`, `500ms` or `2m`, in milliseconds. */
export function secondsFrom(flag: string, typed: string, leastSeconds: number): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(typed.trim())
  const seconds = Number(match?.[1]) * { ms: 0.001, s: 1, m: 60 }[(match?.[2] ?? 's') as 'ms' | 's' | 'm']
  if (seconds >= leastSeconds && seconds <= MOST_SECONDS) return seconds * 1_000
  throw usageError(`${flag}: "${typed}" is no length of time; give seconds, as 10, or 500ms, or 2m`)
}
