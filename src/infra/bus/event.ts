import { AppError } from '../../contract/errors.ts'

export type NewEvent = {
  /** `<module>.<what happened>`, such as `registry.version_promoted`. */
  readonly name: string
  /** Empty for the installation itself. */
  readonly project: string
  /** The thing it happened to, such as the name of a model. */
  readonly subject: string
  /** Anything that survives JSON. */
  readonly data: unknown
}

export type BusEvent = NewEvent & {
  readonly id: string
  readonly atMs: number
  /** Counts the events of the installation from 1, without gaps. */
  readonly position: number
}

/** Below what a NATS server takes in one message, which is 1 MiB unless it is told otherwise. */
const DATA_LIMIT_BYTES = 262_144

/** The event's data as text. Throws `too_large` above 256 KiB. */
export function textFromData({ name, data }: NewEvent): string {
  const text = JSON.stringify(data ?? null)
  const size = Buffer.byteLength(text)
  if (size <= DATA_LIMIT_BYTES) return text
  throw new AppError('too_large', `event ${name} carries ${size} bytes; the limit is ${DATA_LIMIT_BYTES}: name the data instead`, {
    name,
    size,
  })
}
