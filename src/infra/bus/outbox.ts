import type { Db, Tx } from '../sql/index.ts'
import type { BusEvent } from './event.ts'

type OutboxRow = { id: string; project: string; name: string; subject: string; data: string; at: number; position: number | null }
type StateRow = { id: string; installation: string; position: number; sent: number }
type SubscriptionRow = { subscriber: string; event: string; seen_at: number }
type Tables = { outbox: OutboxRow; bus_state: StateRow; bus_subscriptions: SubscriptionRow }

export type Subscription = { readonly event: string; readonly subscriber: string }

const STATE_ID = 'bus'
const tablesOf = ({ db }: Db) => db.withTables<Tables>()

function eventFrom(row: OutboxRow): BusEvent {
  const { id, project, name, subject } = row
  return { id, project, name, subject, data: JSON.parse(row.data), atMs: row.at, position: row.position! }
}

export async function insertEvent(to: Db, row: Omit<OutboxRow, 'position'>): Promise<void> {
  await tablesOf(to)
    .insertInto('outbox')
    .values({ ...row, position: null })
    .execute()
}

/** The name of this installation, given to it at its first start. */
export async function saveInstallation(to: Db, newName: string): Promise<string> {
  const own = tablesOf(to)
  await own
    .insertInto('bus_state')
    .values({ id: STATE_ID, installation: newName, position: 0, sent: 0 })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  return (await readState(to)).installation
}

export async function readState(to: Db): Promise<StateRow> {
  return tablesOf(to).selectFrom('bus_state').selectAll().executeTakeFirstOrThrow()
}

export async function hasUnplaced(to: Db): Promise<boolean> {
  const row = await tablesOf(to).selectFrom('outbox').select('id').where('position', 'is', null).limit(1).executeTakeFirst()
  return row !== undefined
}

/**
 * Gives up to `limit` events their positions, in the order of their ids. The state's row is held until the end of `tx`,
 * so positions become visible in order.
 */
export async function placeEvents(tx: Tx, limit: number): Promise<readonly BusEvent[]> {
  const own = tablesOf(tx)
  const state = await own
    .updateTable('bus_state')
    .set((eb) => ({ position: eb.ref('position') }))
    .returning('position')
    .executeTakeFirstOrThrow()
  const rows = await own
    .with('next', (db) => db.selectFrom('outbox').select('id').where('position', 'is', null).orderBy('id').limit(limit))
    .with('placed', (db) =>
      db.selectFrom('next').select([
        'next.id',
        ({ fn }) =>
          fn
            .agg<number>('row_number')
            .over((over) => over.orderBy('next.id'))
            .as('n'),
      ]),
    )
    .updateTable('outbox')
    .from('placed')
    .set((eb) => ({ position: eb(eb.ref('placed.n'), '+', state.position) }))
    .whereRef('outbox.id', '=', 'placed.id')
    .returning(['outbox.id', 'outbox.project', 'outbox.name', 'outbox.subject', 'outbox.data', 'outbox.at', 'outbox.position'])
    .execute()
  if (rows.length > 0)
    await own
      .updateTable('bus_state')
      .set({ position: state.position + rows.length })
      .execute()
  return rows.map(eventFrom).sort((a, b) => a.position - b.position)
}

/** Up to `limit` events after `position`, oldest first. */
export async function eventsAfter(to: Db, { project, position, limit }: { project?: string; position: number; limit: number }) {
  let query = tablesOf(to).selectFrom('outbox').selectAll().where('position', '>', position).orderBy('position').limit(limit)
  if (project !== undefined) query = query.where('project', '=', project)
  return (await query.execute()).map(eventFrom)
}

/** The latest `limit` events of a project, oldest first. */
export async function latestEvents(to: Db, { project, limit }: { project: string; limit: number }): Promise<readonly BusEvent[]> {
  const rows = await tablesOf(to)
    .selectFrom('outbox')
    .selectAll()
    .where('project', '=', project)
    .where('position', 'is not', null)
    .orderBy('position', 'desc')
    .limit(limit)
    .execute()
  return rows.reverse().map(eventFrom)
}

export async function saveSent(to: Db, position: number): Promise<void> {
  await tablesOf(to).updateTable('bus_state').set({ sent: position }).where('sent', '<', position).execute()
}

export async function saveSubscriptions(to: Db, subscriptions: readonly Subscription[], nowMs: number): Promise<void> {
  for (const { event, subscriber } of subscriptions) {
    await tablesOf(to)
      .insertInto('bus_subscriptions')
      .values({ event, subscriber, seen_at: nowMs })
      .onConflict((conflict) => conflict.columns(['subscriber', 'event']).doUpdateSet({ seen_at: nowMs }))
      .execute()
  }
}

/** Forgets the subscriptions last seen before `beforeMs`. */
export async function deleteSubscriptions(to: Db, beforeMs: number): Promise<void> {
  await tablesOf(to).deleteFrom('bus_subscriptions').where('seen_at', '<', beforeMs).execute()
}

export async function subscriptionsTo(to: Db, events: readonly string[]): Promise<readonly Subscription[]> {
  return tablesOf(to)
    .selectFrom('bus_subscriptions')
    .select(['event', 'subscriber'])
    .where('event', 'in', events)
    .orderBy('subscriber')
    .execute()
}

/** Removes up to `limit` placed events older than `beforeMs`, none after `upTo`; returns how many. */
export async function deleteEvents(to: Db, { beforeMs, upTo, limit }: { beforeMs: number; upTo: number; limit: number }): Promise<number> {
  const own = tablesOf(to)
  const old = own
    .selectFrom('outbox')
    .select('id')
    .where('position', '<=', upTo)
    .where('at', '<', beforeMs)
    .orderBy('position')
    .limit(limit)
  const result = await own.deleteFrom('outbox').where('id', 'in', old).executeTakeFirst()
  return Number(result.numDeletedRows)
}
