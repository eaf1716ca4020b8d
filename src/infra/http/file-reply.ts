import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../contract/errors.ts'

type ByteRange = { readonly first: number; readonly last: number }

/** A file of known size and digest, to be sent whole or in part. */
type FileReply = {
  readonly contentType: string
  readonly sizeBytes: number
  /** Hex SHA-256: the strong ETag. */
  readonly digest: string
  /** Sent as an attachment of this name, so that no browser shows it as a page of ours. */
  readonly filename: string
  /** Gives all of it, or a range, piece by piece; a piece is done with when its promise settles. Called only when bytes are wanted. */
  readonly send: (write: (piece: Uint8Array) => Promise<void>, range?: ByteRange) => Promise<void>
}

/**
 * Answers GET and HEAD of a file: 200, 206 for a range of it (416 beyond it), 304 when the client has it already.
 * Several ranges at once are answered with the whole, as HTTP allows.
 */
export async function sendFile({ request, response }: { request: IncomingMessage; response: ServerResponse }, file: FileReply) {
  const etag = `"${file.digest}"`
  const always = { etag, 'accept-ranges': 'bytes', 'x-content-type-options': 'nosniff' }
  if (namesTag(request.headers['if-none-match'], etag)) return void response.writeHead(304, always).end()
  const ifRange = request.headers['if-range']
  const range = ifRange === undefined || ifRange === etag ? rangeFrom(request.headers.range, file.sizeBytes) : undefined
  if (range === 'beyond')
    return void response.writeHead(416, { ...always, 'content-range': `bytes */${file.sizeBytes}`, 'content-length': 0 }).end()
  const head = {
    ...always,
    'content-type': file.contentType,
    'content-disposition': attachment(file.filename),
    'content-length': range ? range.last - range.first + 1 : file.sizeBytes,
    ...(range ? { 'content-range': `bytes ${range.first}-${range.last}/${file.sizeBytes}` } : {}),
  }
  const begin = () => response.writeHead(range ? 206 : 200, head)
  // The head goes with the first piece, so that what cannot be read is answered as the error it is.
  if (request.method !== 'HEAD') await file.send((piece) => written(response.headersSent ? response : begin(), piece), range)
  if (!response.headersSent) begin()
  response.end()
}

/** Resolves when the piece has been handed on to the network; throws `cancelled` when the client is gone. */
function written(response: ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new AppError('cancelled', 'the client went away before it had the whole file'))
    if (response.destroyed) return gone()
    response.once('close', gone)
    response.write(piece, () => {
      response.off('close', gone)
      resolve()
    })
  })
}

function namesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim()))
}

/** The one range a header asks for, cut to the file; nothing when there is none that counts. */
export function rangeFrom(header: string | undefined, sizeBytes: number): ByteRange | 'beyond' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), sizeBytes)
    return length === 0 ? 'beyond' : { first: sizeBytes - length, last: sizeBytes - 1 }
  }
  const first = Number(match[1])
  const last = match[2] === '' ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1)
  if (match[2] !== '' && Number(match[2]) < first) return undefined
  return first >= sizeBytes ? 'beyond' : { first, last }
}

/** `Content-Disposition` for a file of this name (RFC 6266): a plain name as it is, any other also in UTF-8. */
export function attachment(filename: string): string {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(filename)) return `attachment; filename=${filename}`
  const plain = filename
    .normalize('NFKD')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .replaceAll(/["\\]/g, '\\$&')
  const encoded = encodeURIComponent(filename).replaceAll(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${plain || 'download'}"; filename*=UTF-8''${encoded}`
}
