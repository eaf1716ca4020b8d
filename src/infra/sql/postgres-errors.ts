import { AppError, messageFrom } from '../../contract/errors.ts'

/** Classes and codes of PostgreSQL's Appendix A, "PostgreSQL Error Codes". */
const sqlState = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  serializationFailure: '40001',
  deadlock: '40P01',
  abortedTransaction: '25P02',
  idleInTransaction: '25P03',
  queryCanceled: '57014',
  characterNotInRepertoire: '22021',
} as const
const unavailableStates = new Set(['25006', '53300', '55P03', '57P01', '57P02', '57P03', '57P05'])
const fullStates = new Set(['53100', '53200', '53400'])

type ServerError = Error & { code: string; detail?: string; table?: string; constraint?: string }

/** Whether the same transaction may succeed when it is run again. */
export function isRetryable(thrown: unknown): boolean {
  if (!(thrown instanceof AppError)) return false
  const { state } = thrown.details
  return state === sqlState.serializationFailure || state === sqlState.deadlock
}

/** Whether the connection that threw cannot be used again. */
export function isConnectionBroken(error: AppError): boolean {
  return error.details.broken === true
}

/** The product's error for one of `pg`; `where` names the server for the reader. */
export function appErrorFromPostgres(thrown: unknown, where: string): AppError {
  if (thrown instanceof AppError) return thrown
  if (!isServerError(thrown)) {
    const message = `${where} is not reachable: ${reasonOf(thrown)}; check that it runs and that the address is right`
    return new AppError('unavailable', message, { broken: true }, thrown)
  }
  const { code: state, message } = thrown
  if (state === sqlState.uniqueViolation) return conflictError(thrown)
  if (state === sqlState.foreignKeyViolation) {
    const text = 'a row refers to one that does not exist, or is still referred to'
    return new AppError('conflict', text, { constraint: 'foreign key', state }, thrown)
  }
  if (fullStates.has(state))
    return new AppError('storage_full', `no space or memory is left for ${where}; free some and try again`, { state }, thrown)
  if (state === sqlState.queryCanceled)
    return new AppError('timeout', `a statement on ${where} took too long: ${message}`, { state }, thrown)
  if (state === sqlState.idleInTransaction) {
    return new AppError('timeout', `a transaction on ${where} was held too long and was rolled back`, { state, broken: true }, thrown)
  }
  if (state === sqlState.serializationFailure || state === sqlState.deadlock) {
    return new AppError('unavailable', `transactions on ${where} got into each other's way: ${message}; try again`, { state }, thrown)
  }
  if (unavailableStates.has(state) || state.startsWith('08')) {
    return new AppError('unavailable', `${where} does not answer now: ${message}; try again`, { state, broken: true }, thrown)
  }
  if (state === sqlState.characterNotInRepertoire) return new AppError('invalid', `a text cannot be stored: ${message}`, { state }, thrown)
  return new AppError('internal', `a statement failed on ${where}: ${message}`, { state }, thrown)
}

function isServerError(thrown: unknown): thrown is ServerError {
  return (
    thrown instanceof Error &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(thrown.code) &&
    'severity' in thrown
  )
}

/** A refused connection to a name with several addresses carries its reasons inside. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return thrown.errors.map(messageFrom).join('; ')
  return messageFrom(thrown)
}

function conflictError(thrown: ServerError): AppError {
  const columns = /^Key \((.+?)\)=/.exec(thrown.detail ?? '')?.[1]
  const subject = columns
    ? columns
        .split(', ')
        .map((column) => `${thrown.table}.${column}`)
        .join(', ')
    : (thrown.constraint ?? 'key')
  const details = { constraint: 'unique', subject, state: thrown.code }
  return new AppError('conflict', `a row with the same ${subject} exists already`, details, thrown)
}
