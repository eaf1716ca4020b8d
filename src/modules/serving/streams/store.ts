import { sql as statement } from 'kysely'
import type { StreamCounts } from '../../../contract/streams.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import type { Changes } from '../../../lib/windows/keyed-windows.ts'

export const streamControlsTable = { table: 'stream_controls', key: ['project', 'stream'] } as const

/** One partition of one stream’s source; `source` names place and group, so that another place or group begins anew. */
export type CheckpointKey = {
  readonly project: string
  readonly stream: string
  readonly source: string
  readonly partition: string
}
export type Checkpoint = {
  readonly epoch: number
  readonly node: string
  readonly leaseUntilMs: number
  /** The last event that is done with; null when none is. */
  readonly position: number | null
  /** The latest event time seen. */
  readonly latestMs: number | null
  /** Digest of the windows’ definitions: the state of others is of no use. */
  readonly windows: string
  readonly counts: StreamCounts
  readonly updatedAtMs: number
}
export type Control = { readonly paused: boolean; readonly changedBy: string; readonly reason: string; readonly changedAt: number }

type CheckpointRow = {
  project: string
  stream: string
  source: string
  partition_name: string
  epoch: number
  node: string
  lease_until: number
  position: number | null
  latest: number | null
  windows: string
  counts: string
  updated_at: number
}
type WindowRow = Pick<CheckpointRow, 'project' | 'stream' | 'source' | 'partition_name'> & {
  store: string
  store_key: string
  body: string
}
type ControlRow = { project: string; stream: string; paused: number; changed_by: string; reason: string; changed_at: number }
type OffsetRow = { project: string; subject: string; reader_group: string; position: number }
type Tables = { stream_checkpoints: CheckpointRow; stream_window_states: WindowRow; stream_controls: ControlRow; stream_offsets: OffsetRow }
const tables = (db: Db) => db.db.withTables<Tables>()
const columnsOf = ({ project, stream, source, partition }: CheckpointKey) => ({ project, stream, source, partition_name: partition })

export const noCounts: StreamCounts = { read: 0, published: 0, repeated: 0, dead: 0, late: 0, dropped: 0, evicted: 0, missed: 0 }

export type Store = ReturnType<typeof createStore>

export function createStore(dialect: Sql['dialect']) {
  const eachOf = dialect === 'sqlite' ? statement.raw('json_each') : statement.raw('json_array_elements')
  const jsonParameter = (value: unknown) =>
    dialect === 'sqlite' ? statement`${JSON.stringify(value)}` : statement`${JSON.stringify(value)}::json`

  return {
    /** As it stands; with `hold`, kept from others until the transaction ends. */
    async find(db: Db, key: CheckpointKey, hold = false): Promise<Checkpoint | undefined> {
      const query = tables(db)
        .selectFrom('stream_checkpoints')
        .selectAll()
        .where((eb) => eb.and(columnsOf(key)))
      const row = await (hold && dialect === 'postgresql' ? query.forUpdate() : query).executeTakeFirst()
      return row && checkpointFrom(row)
    },
    async ofStream(db: Db, project: string, stream: string, source: string): Promise<(Checkpoint & { partition: string })[]> {
      const rows = await tables(db)
        .selectFrom('stream_checkpoints')
        .selectAll()
        .where((eb) => eb.and({ project, stream, source }))
        .orderBy('partition_name')
        .execute()
      return rows.map((row) => ({ partition: row.partition_name, ...checkpointFrom(row) }))
    },
    async save(db: Db, key: CheckpointKey, { epoch, node, leaseUntilMs, position, latestMs, windows, counts, updatedAtMs }: Checkpoint) {
      const values = {
        epoch,
        node,
        lease_until: leaseUntilMs,
        position,
        latest: latestMs,
        windows,
        counts: JSON.stringify(counts),
        updated_at: updatedAtMs,
      }
      await tables(db)
        .insertInto('stream_checkpoints')
        .values({ ...columnsOf(key), ...values })
        .onConflict((conflict) => conflict.columns(['project', 'stream', 'source', 'partition_name']).doUpdateSet(values))
        .execute()
    },
    /** Writes what changed of one keyed store, in two statements however many keys there are. */
    async saveChanges(db: Db, key: CheckpointKey, store: string, changes: Changes): Promise<void> {
      const kept = [...changes].filter(([, body]) => body !== null)
      const gone = [...changes].filter(([, body]) => body === null).map(([name]) => [name])
      const { project, stream, source, partition } = key
      if (kept.length > 0)
        await statement`
          INSERT INTO stream_window_states (project, stream, source, partition_name, store, store_key, body)
          SELECT ${project}, ${stream}, ${source}, ${partition}, ${store}, one.value ->> 0, one.value ->> 1
          FROM ${eachOf}(${jsonParameter(kept)}) AS one WHERE true
          ON CONFLICT (project, stream, source, partition_name, store, store_key) DO UPDATE SET body = excluded.body`.execute(db.db)
      if (gone.length > 0)
        await statement`
          DELETE FROM stream_window_states
          WHERE project = ${project} AND stream = ${stream} AND source = ${source} AND partition_name = ${partition} AND store = ${store}
          AND store_key IN (SELECT one.value ->> 0 FROM ${eachOf}(${jsonParameter(gone)}) AS one)`.execute(db.db)
    },
    async readStates(db: Db, key: CheckpointKey): Promise<Map<string, [key: string, body: string][]>> {
      const rows = await tables(db)
        .selectFrom('stream_window_states')
        .select(['store', 'store_key', 'body'])
        .where((eb) => eb.and(columnsOf(key)))
        .execute()
      const states = new Map<string, [string, string][]>()
      for (const { store, store_key, body } of rows) {
        const known = states.get(store)
        if (known) known.push([store_key, body])
        else states.set(store, [[store_key, body]])
      }
      return states
    },
    async forgetStates(db: Db, key: CheckpointKey): Promise<void> {
      await tables(db)
        .deleteFrom('stream_window_states')
        .where((eb) => eb.and(columnsOf(key)))
        .execute()
    },
    async findControl(db: Db, project: string, stream: string): Promise<Control | undefined> {
      const row = await tables(db)
        .selectFrom('stream_controls')
        .selectAll()
        .where((eb) => eb.and({ project, stream }))
        .executeTakeFirst()
      return row && { paused: row.paused === 1, changedBy: row.changed_by, reason: row.reason, changedAt: Number(row.changed_at) }
    },
    async saveControl(db: Db, project: string, stream: string, { paused, changedBy, reason, changedAt }: Control): Promise<void> {
      const values = { paused: paused ? 1 : 0, changed_by: changedBy, reason, changed_at: changedAt }
      await tables(db)
        .insertInto('stream_controls')
        .values({ project, stream, ...values })
        .onConflict((conflict) => conflict.columns(['project', 'stream']).doUpdateSet(values))
        .execute()
    },
    async findOffset(db: Db, project: string, subject: string, group: string): Promise<number | undefined> {
      const row = await tables(db)
        .selectFrom('stream_offsets')
        .select('position')
        .where((eb) => eb.and({ project, subject, reader_group: group }))
        .executeTakeFirst()
      return row && Number(row.position)
    },
    async saveOffset(db: Db, project: string, subject: string, group: string, position: number): Promise<void> {
      await tables(db)
        .insertInto('stream_offsets')
        .values({ project, subject, reader_group: group, position })
        .onConflict((conflict) => conflict.columns(['project', 'subject', 'reader_group']).doUpdateSet({ position }))
        .execute()
    },
  }
}

function checkpointFrom(row: CheckpointRow): Checkpoint {
  const number = (value: number | null) => (value === null ? null : Number(value))
  return {
    epoch: Number(row.epoch),
    node: row.node,
    leaseUntilMs: Number(row.lease_until),
    position: number(row.position),
    latestMs: number(row.latest),
    windows: row.windows,
    counts: { ...noCounts, ...(JSON.parse(row.counts) as StreamCounts) },
    updatedAtMs: Number(row.updated_at),
  }
}
