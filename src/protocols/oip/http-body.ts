import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { AppError, messageFrom } from '../../contract/errors.ts'
import { readBody } from '../../infra/http/body.ts'

const openers = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const

/**
 * The body of a request, unpacked where it was sent as gzip or deflate, of at most `limitBytes` either way. Throws `too_large`,
 * `cancelled`, `invalid` for what cannot be unpacked.
 */
export async function readPackedBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  const body = await readBody(request, limitBytes)
  if (encoding === undefined || encoding === 'identity' || encoding === '') return body
  if (encoding !== 'gzip' && encoding !== 'deflate')
    throw new AppError('invalid', `the content encoding ${encoding} is unsupported; use gzip, deflate or none`)
  try {
    return await openers[encoding](body, { maxOutputLength: limitBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppError('too_large', `the body unpacks to more than the limit of ${limitBytes} bytes`, { limitBytes }, error)
    throw new AppError('invalid', `the body cannot be unpacked as ${encoding}: ${messageFrom(error)}`, {}, error)
  }
}

/** The length of the JSON in front of binary tensors; undefined where the whole body is JSON. Throws `invalid`. */
export function headerLengthFrom(request: IncomingMessage): number | undefined {
  const text = request.headers['inference-header-content-length']
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text)
  throw new AppError('invalid', 'the header Inference-Header-Content-Length must be a number of bytes')
}
