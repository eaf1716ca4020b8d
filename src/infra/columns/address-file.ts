import fs from 'node:fs'
import path from 'node:path'
import { AppError } from '../../contract/errors.ts'

type Address = { readonly url: string; readonly secret: string }

/** Beside the folder, which is the engine’s own. */
const fileOf = (folder: string) => path.join(path.dirname(folder), 'columns.address.json')

/** Leaves where the embedded store listens for the workers of this server; readable by its owner only. */
export function writeAddress(folder: string, { url, secret }: Address): void {
  const file = fileOf(folder)
  fs.writeFileSync(`${file}.new`, JSON.stringify({ url, secret }), { mode: 0o600 })
  fs.renameSync(`${file}.new`, file)
}

/** Throws `unavailable` while nobody has left an address. */
export function readAddress(folder: string): Address {
  try {
    return JSON.parse(fs.readFileSync(fileOf(folder), 'utf8')) as Address
  } catch (cause) {
    throw new AppError('unavailable', 'the embedded telemetry store has left no address; is the first process running?', {}, cause)
  }
}
