import fs from 'node:fs'

/** Writes a file that is there whole or not at all, whenever the process or the power ends. */
export function writeDurably(file: string, content: string | Uint8Array): void {
  const descriptor = fs.openSync(`${file}.new`, 'w')
  try {
    fs.writeFileSync(descriptor, content)
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
  fs.renameSync(`${file}.new`, file)
}
