import fs from 'node:fs'
import path from 'node:path'
import type { Connection } from '../../contract/client.ts'
import { createRandom } from '../../lib/random.ts'
import { usageError } from '../failures.ts'
import { numberFrom } from '../replay/values.ts'
import { friendly, inferPath } from '../serving-paths.ts'
import type { Target } from './connection.ts'

export const protocols = ['v1', 'oip', 'oip-binary'] as const
export type Protocol = (typeof protocols)[number]

/** One row: a value for each feature, in the model’s order; NaN where it is not known. */
type Values = readonly number[]
type Body = { readonly bytes: Buffer; readonly headers: Readonly<Record<string, string>> }

/** Different bodies of a load that is generated, so that no cache on the way answers for the model. */
const VARIANTS = 64

/** The server of an address. Throws a usage error where it is none. */
export function targetOf(url: string): Target & { readonly path: string; readonly authority: string } {
  if (!URL.canParse(url)) throw usageError(`"${url}" is no address`)
  const { protocol, hostname, port, pathname, host } = new URL(url)
  const secure = protocol === 'https:'
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    secure,
    path: pathname.replace(/\/+$/, ''),
    authority: host,
  }
}

/** Whole HTTP/1.1 requests for a deployment, one a body. */
export function requestsFor(connection: Connection, deployment: string, protocol: Protocol, bodies: readonly Body[]): Buffer[] {
  const { path: prefix, authority } = targetOf(connection.url)
  const address = `${prefix}${protocol === 'v1' ? friendly.path(deployment) : inferPath(deployment)}`
  const common: Record<string, string> = { host: authority, 'user-agent': 'setpoint-load' }
  if (connection.token) common.authorization = `Bearer ${connection.token}`
  if (connection.project) common['x-setpoint-project'] = connection.project
  return bodies.map(({ bytes, headers }) => {
    const fields = Object.entries({ ...common, ...headers, 'content-length': String(bytes.length) })
    for (const [name, value] of fields)
      if (/[^\x20-\x7e]/.test(value)) throw usageError(`the header ${name} holds a character that no header may hold`)
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    return Buffer.concat([Buffer.from(`POST ${address} HTTP/1.1\r\n${head}\r\n`), bytes])
  })
}

/** Rows of uniform values in [0, 1), the same ones in each run, `rows` in each of the bodies. */
export function generatedBodies(protocol: Protocol, features: readonly string[], rows: number): Body[] {
  const random = createRandom('load')
  const row = () => features.map(() => Math.fround(random.next()))
  return Array.from({ length: VARIANTS }, () => bodyOf(protocol, features, Array.from({ length: rows }, row)))
}

/** The same row, given as `name=value` words, `rows` times over. Throws a usage error that names what is missing or unknown. */
export function bodyFromWords(protocol: Protocol, features: readonly string[], words: readonly string[], rows: number): Body {
  const given = new Map(words.map((word) => [word.slice(0, Math.max(0, word.indexOf('='))), word.slice(word.indexOf('=') + 1)]))
  const unknown = [...given.keys()].filter((name) => !features.includes(name))
  const missing = features.filter((name) => !given.has(name))
  if (unknown.length > 0 || missing.length > 0)
    throw usageError(
      `--row: ${[missing.length > 0 ? `missing ${missing.join(', ')}` : '', unknown.length > 0 ? `unknown ${unknown.join(', ')}` : ''].filter(Boolean).join('; ')}; write name=value for each of ${features.join(', ')}`,
    )
  const values = features.map((name) => {
    const value = numberFrom(given.get(name))
    if (value === undefined) throw usageError(`--row: ${name}=${given.get(name)} is no number`)
    return value
  })
  return bodyOf(protocol, features, Array(rows).fill(values))
}

/** A body from a file of JSON, sent as it is. */
export function bodyFromFile(file: string, folder: string): Body {
  const found = path.resolve(folder, file)
  if (!fs.existsSync(found)) throw usageError(`--body: there is no file ${file}`)
  const bytes = fs.readFileSync(found)
  try {
    JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw usageError(`--body: ${file} is not JSON`, error)
  }
  return { bytes, headers: { 'content-type': 'application/json' } }
}

function bodyOf(protocol: Protocol, features: readonly string[], rows: readonly Values[]): Body {
  if (protocol === 'oip-binary') return binaryBody(features, rows)
  const content = protocol === 'v1' ? friendlyContent(features, rows) : oipContent(features, rows)
  return { bytes: Buffer.from(JSON.stringify(content)), headers: { 'content-type': 'application/json' } }
}

// JSON has no NaN: a missing value goes as null.
function friendlyContent(features: readonly string[], rows: readonly Values[]) {
  const [values, ...others] = rows
  if (others.length > 0) throw usageError('--rows: protocol v1 carries one row in a request; use --protocol oip for more')
  return { features: Object.fromEntries(features.map((name, i) => [name, values![i]!])) }
}

function oipContent(features: readonly string[], rows: readonly Values[]) {
  return { inputs: [{ name: 'features', datatype: 'FP32', shape: [rows.length, features.length], data: rows.flat() }] }
}

/** The binary tensor data extension of the Open Inference Protocol: JSON without data, then the values, little-endian. */
function binaryBody(features: readonly string[], rows: readonly Values[]): Body {
  const data = Buffer.alloc(rows.length * features.length * 4)
  rows.flat().forEach((value, i) => void data.writeFloatLE(value, i * 4))
  const tensor = { name: 'features', datatype: 'FP32', shape: [rows.length, features.length] }
  const head = Buffer.from(JSON.stringify({ inputs: [{ ...tensor, parameters: { binary_data_size: data.length } }] }))
  return {
    bytes: Buffer.concat([head, data]),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) },
  }
}
