import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { LedgerEntry, LedgerReport, ledger } from '../../../contract/ledger.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Anchor } from './anchor.ts'
import { digestOf, hashOf } from './chain.ts'
import type { AuditedTable, Store } from './store.ts'
import { verifyLedger } from './verify.ts'

/** A change of one row of state, written in the transaction that makes it. */
type Sealed = {
  readonly caller: Pick<Caller, 'id' | 'project'>
  readonly reason: string
  readonly operation: string
  readonly table: AuditedTable
  readonly key: readonly (string | number)[]
}

export type Ledger = Verbs<typeof ledger> & {
  /** Records the row named by `table` and `key` as it now stands in `tx`. Call it after the change, in the same transaction. */
  seal(tx: Tx, change: Sealed): Promise<void>
  /** Every entry about a row, oldest first; by `prefix`, about every row whose key begins so. */
  entriesAbout(project: string, subject: string, match?: 'exact' | 'prefix'): Promise<LedgerEntry[]>
  /** Records what somebody did that leaves no row of state behind, such as resetting a monitor. */
  note(
    tx: Tx,
    act: { readonly caller: Pick<Caller, 'id' | 'project'>; readonly reason: string; readonly operation: string; readonly subject: string },
  ): Promise<void>
}

const PAGE = 500

export function createLedger(deps: { sql: Sql; store: Store; clock: Clock; anchor: Anchor; audited: readonly AuditedTable[] }): Ledger {
  const { sql, store, clock, anchor, audited } = deps
  type Link = Pick<LedgerEntry, 'project' | 'actor' | 'reason' | 'operation' | 'subject' | 'before' | 'after' | 'state'>

  async function append(tx: Tx, link: Link): Promise<void> {
    const head = await store.lockHead(tx)
    const entry = { n: head.n + 1, at: clock.now(), ...link, previousHash: head.hash }
    const hash = hashOf(entry)
    await store.append(tx, { ...entry, hash })
    tx.afterCommit(() => anchor.note({ n: entry.n, hash }))
  }

  return {
    async seal(tx, { caller, reason, operation, table, key }) {
      if (!audited.includes(table))
        throw new AppError('internal', `table ${table.table} is sealed but not among the audited tables of app.ts`)
      // Links are made one at a time from here on, so that `before` is what the link before recorded.
      await store.lockHead(tx)
      const subject = subjectOf(table, key)
      const [earlier, row] = [await store.newestOf(tx, subject), await store.readRow(tx, table, key)]
      await append(tx, {
        project: caller.project,
        actor: caller.id,
        reason,
        operation,
        subject,
        before: earlier?.after ?? null,
        after: digestOf(row),
        state: row,
      })
    },

    async note(tx, { caller, reason, operation, subject }) {
      await append(tx, { project: caller.project, actor: caller.id, reason, operation, subject, before: null, after: null, state: null })
    },

    entriesAbout: (project, subject, match = 'exact') => store.about(sql, project, subject, match),

    async listEntries({ subject, before, limit }, caller) {
      return await store.list(sql, { project: caller.project, subject, before, limit })
    },

    async verify({ head }, caller): Promise<LedgerReport> {
      const report = await verifyLedger({ sql, store, audited, anchored: await anchor.read(), noted: head })
      if (!report.broken || caller.scopes.has('admin')) return report
      return { ...report, broken: { ...report.broken, subject: report.broken.subject.split('/')[0]! } }
    },

    async export(_input, caller) {
      return { contentType: 'application/jsonl', filename: `ledger-${caller.project}.jsonl`, stream: lines(store, sql, caller.project) }
    },
  }
}

function subjectOf(table: AuditedTable, key: readonly (string | number)[]): string {
  return `${table.table}/${key.join('/')}`
}

async function* lines(store: Store, sql: Sql, project: string): AsyncIterable<Uint8Array> {
  for (let after = 0; ; ) {
    const page = await store.page(sql, after, PAGE, project)
    if (page.length === 0) return
    yield Buffer.from(page.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    after = page.at(-1)!.n
  }
}
