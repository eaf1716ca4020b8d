import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { AppError, messageFrom } from '../../contract/errors.ts'

const HEAD_BYTES = 5
const NOTHING = Buffer.alloc(0)
const openers = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const
/** How messages may be packed. */
export type Packing = keyof typeof openers | 'identity'
export const packings = 'identity,gzip,deflate'

export function packingFrom(encoding: string | string[] | undefined): Packing {
  if (encoding === undefined || encoding === 'identity') return 'identity'
  if (encoding === 'gzip' || encoding === 'deflate') return encoding
  throw new AppError('unsupported', `messages packed as ${encoding} are unsupported; use one of ${packings}`)
}

/** A message as it came, and whether it is packed. */
export type Framed = { readonly isPacked: boolean; readonly bytes: Buffer }

/** The message of a chunk that is nothing but one whole message, which is how a small one comes. */
export function wholeFrame(chunk: Buffer, limitBytes: number): Framed | undefined {
  if (chunk.length < HEAD_BYTES || chunk[0]! > 1 || chunk.length > limitBytes) return undefined
  if (chunk.readUInt32BE(1) !== chunk.length - HEAD_BYTES) return undefined
  return { isPacked: chunk[0] === 1, bytes: chunk.subarray(HEAD_BYTES) }
}

/**
 * Cuts a stream of bytes into length-prefixed messages. Throws `too_large` as soon as a prefix claims more than `limitBytes`,
 * `invalid` for a prefix that is none.
 */
export function createFrames(limitBytes: number) {
  let rest: Buffer = NOTHING
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let neededBytes = HEAD_BYTES

  return {
    /** The messages that are whole with this chunk. */
    push(chunk: Buffer): Framed[] {
      waitingBytes += chunk.length
      if (waitingBytes + rest.length < neededBytes) {
        waiting.push(chunk)
        return []
      }
      let bytes = rest.length === 0 && waiting.length === 0 ? chunk : Buffer.concat([rest, ...waiting, chunk])
      waiting = []
      waitingBytes = 0
      const found: Framed[] = []
      for (;;) {
        if (bytes.length < HEAD_BYTES) {
          neededBytes = HEAD_BYTES
          break
        }
        const flag = bytes[0]!
        if (flag > 1) throw new AppError('invalid', `a message begins with the flag ${flag}; it must be 0 or 1`)
        const length = bytes.readUInt32BE(1)
        if (length > limitBytes)
          throw new AppError('too_large', `the message has ${length} bytes; at most ${limitBytes} are taken`, { limitBytes })
        neededBytes = HEAD_BYTES + length
        if (bytes.length < neededBytes) break
        found.push({ isPacked: flag === 1, bytes: bytes.subarray(HEAD_BYTES, neededBytes) })
        bytes = bytes.subarray(neededBytes)
      }
      rest = bytes
      return found
    },
    /** Throws `invalid` when a message was begun and not ended. */
    end(): void {
      if (rest.length + waitingBytes > 0) throw new AppError('invalid', 'the call ended in the middle of a message')
    },
  }
}

/** A message as it was before it was packed, of at most `limitBytes`. Throws `too_large`, `invalid`. */
export async function unpacked(bytes: Buffer, packing: Packing, limitBytes: number): Promise<Buffer> {
  if (packing === 'identity') throw new AppError('invalid', 'the message is packed, but the call names no grpc-encoding')
  try {
    return await openers[packing](bytes, { maxOutputLength: limitBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppError('too_large', `the message unpacks to more than ${limitBytes} bytes`, { limitBytes }, error)
    throw new AppError('invalid', `the message cannot be unpacked as ${packing}: ${messageFrom(error)}`, {}, error)
  }
}

/** A message with its prefix, in one buffer. */
export function framed(parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const frame = Buffer.allocUnsafe(HEAD_BYTES + length)
  frame[0] = 0
  frame.writeUInt32BE(length, 1)
  let at = HEAD_BYTES
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}
