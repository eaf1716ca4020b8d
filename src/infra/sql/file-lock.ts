import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError, messageFrom } from '../../contract/errors.ts'

/**
 * Takes `file` for this process, or throws `conflict` naming the process that has it. The lock is one of the operating
 * system's, held through an SQLite file beside the database, so it goes when the process goes, also by `kill -9`: there
 * is no stale lock to detect. That file must not be opened by anything but SQLite in this process, which would drop
 * the lock. Makes the folder when it is missing.
 */
export function lockFile(file: string): { release(): void } {
  makeFolder(dirname(file))
  const path = `${file}.lock`
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(path, { timeout: 0 })
    lock.exec('PRAGMA synchronous = OFF; BEGIN IMMEDIATE')
    lock.exec(`CREATE TABLE IF NOT EXISTS holder (pid INTEGER); DELETE FROM holder; INSERT INTO holder VALUES (${process.pid}); COMMIT`)
    lock.exec('BEGIN IMMEDIATE')
  } catch (cause) {
    const pid = isBusy(cause) ? holderOf(path) : undefined
    lock?.close()
    if (isBusy(cause)) {
      const who = pid === undefined ? 'another process' : `process ${pid}`
      throw new AppError('conflict', `${file} is in use by ${who}; stop it, or give this one another data folder`, { file, pid }, cause)
    }
    throw new AppError('unavailable', `${path} cannot be locked: ${messageFrom(cause)}; make its folder writable`, { file }, cause)
  }
  const held = lock
  return { release: () => held.isOpen && held.close() }
}

function makeFolder(folder: string) {
  try {
    const made = mkdirSync(folder, { recursive: true })
    if (made) flushFolder(dirname(made))
  } catch (cause) {
    throw new AppError('unavailable', `the data folder ${folder} cannot be made: ${messageFrom(cause)}`, { folder }, cause)
  }
}

/** The new folder's own entry must survive power loss too. Windows cannot flush a folder and needs no such flush. */
function flushFolder(folder: string) {
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && 'errcode' in thrown && (Number(thrown.errcode) & 0xff) === 5
}

/** The holder wrote its id before it took the lock, and a reader may pass this lock. Unknown in the instant between. */
function holderOf(path: string): number | undefined {
  try {
    const reader = new DatabaseSync(path, { timeout: 0, readOnly: true })
    const row = reader.prepare('SELECT pid FROM holder').get()
    reader.close()
    return row === undefined ? undefined : Number(row.pid)
  } catch (thrown) {
    if (thrown instanceof Error && 'errcode' in thrown) return undefined
    throw thrown
  }
}
