import { AppError, messageFrom } from '../../contract/errors.ts'

/** What is left of an SQLite error after it has crossed from the worker thread. */
export type SqliteFault = { readonly message: string; readonly errcode?: number }

/** Primary result codes of SQLite (sqlite.org/rescode.html); an extended code holds its primary one in the low 8 bits. */
const primary = { busy: 5, locked: 6, readonly: 8, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, constraint: 19, notadb: 26 } as const
const extended = { foreignKey: 787, primaryKey: 1555, unique: 2067, rowid: 2579, sharedMemorySize: 4874 } as const

export function sqliteFaultFrom(thrown: unknown): SqliteFault {
  const errcode = thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) : undefined
  return errcode === undefined ? { message: messageFrom(thrown) } : { message: messageFrom(thrown), errcode }
}

/** The product's error for an SQLite one; `where` names the database for the reader. */
export function appErrorFromSqlite(fault: SqliteFault, where: string): AppError {
  const { message, errcode } = fault
  const cause = Object.assign(new Error(message), { errcode })
  const details = { errcode }
  if (errcode === undefined) return new AppError('internal', `a statement could not run on ${where}: ${message}`, details, cause)
  if (errcode === extended.sharedMemorySize || (errcode & 0xff) === primary.full) {
    return new AppError('storage_full', `no space is left for ${where}; free some and try again`, details, cause)
  }
  switch (errcode & 0xff) {
    case primary.constraint:
      return constraintError(errcode, message, cause)
    case primary.busy:
    case primary.locked:
      return new AppError('unavailable', `another process holds ${where}; close it and try again`, details, cause)
    case primary.readonly:
      return new AppError('unavailable', `${where} is read-only; make the file and its folder writable`, details, cause)
    case primary.cantopen:
      return new AppError('unavailable', `${where} cannot be opened; check that the folder exists and is writable`, details, cause)
    case primary.ioerr:
      return new AppError('unavailable', `the disk failed under ${where}: ${message}; check the disk`, details, cause)
    case primary.corrupt:
    case primary.notadb:
      return new AppError('internal', `${where} is damaged or not an SQLite database; restore it from a backup`, details, cause)
    default:
      return new AppError('internal', `a statement failed on ${where}: ${message}`, details, cause)
  }
}

function constraintError(errcode: number, message: string, cause: Error): AppError {
  const subject = message.split(': ')[1] ?? 'a row'
  if (errcode === extended.unique || errcode === extended.primaryKey || errcode === extended.rowid) {
    return new AppError('conflict', `a row with the same ${subject} exists already`, { constraint: 'unique', subject }, cause)
  }
  if (errcode === extended.foreignKey) {
    return new AppError(
      'conflict',
      'a row refers to one that does not exist, or is still referred to',
      { constraint: 'foreign key' },
      cause,
    )
  }
  return new AppError('internal', `a row breaks a rule of its table: ${message}`, { constraint: subject }, cause)
}
