import type { IncomingMessage } from 'node:http'
import { AppError, messageFrom } from '../../contract/errors.ts'

/** Reads a whole body of at most `limitBytes`. Throws `too_large`, or `cancelled` when the client went away. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limitBytes) return Promise.reject(tooLarge(limitBytes))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let sizeBytes = 0
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length
      if (sizeBytes > limitBytes) {
        request.pause()
        reject(tooLarge(limitBytes))
      } else chunks.push(chunk)
    })
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    request.on('error', (error) => reject(new AppError('cancelled', 'the request was cut off before its body was complete', {}, error)))
    request.on('close', () => {
      if (!request.complete) reject(new AppError('cancelled', 'the request was cut off before its body was complete'))
    })
  })
}

function tooLarge(limitBytes: number): AppError {
  return new AppError('too_large', `the body is larger than the limit of ${limitBytes} bytes`, { limitBytes })
}

/** Parses a body as JSON; an empty one is `{}`. Throws `invalid` with the position of the fault. */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new AppError('invalid', `the body is not JSON: ${messageFrom(error)}`)
  }
}

/** The fields of a query string; a name given more than once becomes a list. */
export function fieldsFromQuery(search: string): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null)
  if (search === '') return fields
  for (const [name, value] of new URLSearchParams(search)) {
    const seen = fields[name]
    fields[name] = seen === undefined ? value : Array.isArray(seen) ? [...seen, value] : [seen, value]
  }
  return fields
}
