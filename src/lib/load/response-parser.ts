export type ResponseParser = {
  /** Takes what arrived. Throws SyntaxError where it is no HTTP/1.1 reply; the connection is of no use after that. */
  push(chunk: Uint8Array): void
  /** The connection has ended; completes a reply whose body lasts until then. */
  end(): void
}

/** Told when a reply is complete: its status, and whether the server closes the connection after it. */
type OnReply = (status: number, closes: boolean) => void
type State = 'head' | 'body' | 'until-end' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers'

const MOST_HEAD_BYTES = 65_536
const MOST_LINE_BYTES = 8_192
const NOTHING = Buffer.alloc(0)
const LINE_END = '\r\n'
const HEAD_END = '\r\n\r\n'

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |\r\n|$)/
const contentLength = /\r\ncontent-length:[ \t]*([^\r\n]*)/i
const transferEncoding = /\r\ntransfer-encoding:[ \t]*([^\r\n]*)/i
const connectionHeader = /\r\nconnection:[ \t]*([^\r\n]*)/i
const chunkSize = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i

/**
 * Reads the replies of one connection as they arrive (RFC 9112), bodies skipped: framed by length, by chunks or by the end
 * of the connection. Interim replies (1xx) are passed over. Memory stays below one head, whatever is sent.
 */
export function createResponseParser(onReply: OnReply): ResponseParser {
  let state: State = 'head'
  let held: Buffer = NOTHING
  /** Bytes of the body, or of the chunk, that are still to come. */
  let left = 0
  let status = 0
  let closes = false

  function finish(): void {
    state = 'head'
    onReply(status, closes)
  }

  /** The index at which the text ends that `end` ends; -1, with the bytes held back, where it has not arrived yet. */
  function endOf(bytes: Buffer, at: number, end: string, most: number): number {
    const found = bytes.indexOf(end, at, 'latin1')
    if ((found < 0 ? bytes.length : found) - at > most) throw new SyntaxError(`a reply's ${state} is longer than ${most} bytes`)
    if (found < 0) held = Buffer.from(bytes.subarray(at))
    return found
  }

  function readHead(head: string): void {
    const line = statusLine.exec(head)
    if (!line) throw new SyntaxError(`"${head.slice(0, 40)}" does not start an HTTP/1.1 reply`)
    status = Number(line[2])
    const connection = connectionHeader.exec(head)?.[1]?.toLowerCase() ?? ''
    closes = connection.includes('close') || (line[1] === '0' && !connection.includes('keep-alive'))
    if (status === 101) throw new SyntaxError('the server changes to another protocol')
    if (status < 200) return
    if (status === 204 || status === 304) {
      finish()
      return
    }
    const coding = transferEncoding.exec(head)?.[1]
    if (coding !== undefined) {
      if (coding.trim().toLowerCase() !== 'chunked') throw new SyntaxError(`the transfer coding "${coding}" is not known`)
      state = 'chunk-size'
      return
    }
    const length = contentLength.exec(head)?.[1]
    if (length === undefined) {
      closes = true
      state = 'until-end'
      return
    }
    if (!/^\d{1,15}[ \t]*$/.test(length)) throw new SyntaxError(`"${length}" is no content length`)
    left = Number(length)
    if (left === 0) finish()
    else state = 'body'
  }

  function readChunkSize(line: string): void {
    const size = chunkSize.exec(line)?.[1]
    if (size === undefined) throw new SyntaxError(`"${line.slice(0, 40)}" is no size of a chunk`)
    left = Number.parseInt(size, 16)
    state = left === 0 ? 'trailers' : 'chunk'
  }

  /** Reads one part from `at` on; gives where the next begins, or the end when more must arrive first. */
  function step(bytes: Buffer, at: number): number {
    if (state === 'until-end') return bytes.length
    if (state === 'body' || state === 'chunk') {
      const taken = Math.min(left, bytes.length - at)
      left -= taken
      if (left > 0) return bytes.length
      if (state === 'body') finish()
      else state = 'chunk-end'
      return at + taken
    }
    const isHead = state === 'head'
    const end = endOf(bytes, at, isHead ? HEAD_END : LINE_END, isHead ? MOST_HEAD_BYTES : MOST_LINE_BYTES)
    if (end < 0) return bytes.length
    const text = bytes.toString('latin1', at, end)
    if (isHead) readHead(text)
    else if (state === 'chunk-size') readChunkSize(text)
    else if (text === '' && state === 'trailers') finish()
    else if (state === 'chunk-end') {
      if (text !== '') throw new SyntaxError('a chunk is longer than its size')
      state = 'chunk-size'
    }
    return end + (isHead ? HEAD_END.length : LINE_END.length)
  }

  return {
    push(chunk) {
      const arrived = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      const bytes = held.length === 0 ? arrived : Buffer.concat([held, arrived])
      held = NOTHING
      for (let at = 0; at < bytes.length; ) at = step(bytes, at)
    },
    end() {
      if (state === 'until-end') finish()
    },
  }
}
