import pg from 'pg'
import { AppError } from '../../../../contract/errors.ts'
import type { Warehouse } from './messages.ts'

const CONNECT_MS = 10_000

/** A connection of its own to a warehouse. Its address is never part of an error: it holds a password. */
export async function openPostgres({ url, name }: Extract<Warehouse, { kind: 'postgresql' }>): Promise<pg.Client> {
  try {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS, application_name: 'setpoint-batch' })
    // A connection that ends while nothing is asked of it fails at the next question.
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (error) {
    const code = (error as { code?: string }).code
    throw new AppError('unavailable', `the database that ${name} names does not answer${code ? ` (${code})` : ''}`)
  }
}
