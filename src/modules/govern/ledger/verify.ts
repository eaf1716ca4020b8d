import type { LedgerReport } from '../../../contract/ledger.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { digestOf, GENESIS, hashOf } from './chain.ts'
import type { AuditedTable, Row, Store } from './store.ts'

type Link = { readonly n: number; readonly hash: string }
type Broken = NonNullable<LedgerReport['broken']>
type Input = { sql: Sql; store: Store; audited: readonly AuditedTable[]; anchored: Link | null; noted: string | undefined }

const PAGE = 500

/**
 * Walks the whole chain, then compares every row of every audited table with the newest entry about it.
 * The first break found is reported: a changed, missing or reordered entry by its number, a row by its subject.
 */
export async function verifyLedger(input: Input): Promise<LedgerReport> {
  const chain = await walkChain(input)
  const counted = { entries: chain.entries, head: chain.head === GENESIS ? null : chain.head }
  if (chain.broken) return { intact: false, ...counted, rows: 0, broken: chain.broken }
  const state = await compareState(input, chain.newest)
  return { intact: state.broken === null, ...counted, rows: state.rows, broken: state.broken }
}

type Newest = Map<string, { n: number; after: string | null }>

async function walkChain({ sql, store, anchored, noted }: Input) {
  const newest: Newest = new Map()
  let head = GENESIS
  let n = 0
  let notedSeen = noted === undefined
  let anchoredSeen = anchored === null
  const result = (broken: Broken | null) => ({ entries: n, head, newest, broken })
  for (;;) {
    const page = await store.page(sql, n, PAGE)
    if (page.length === 0) break
    for (const entry of page) {
      const broken = (reason: string) => result({ n: n + 1, subject: entry.subject, reason })
      if (entry.n !== n + 1) return broken(`entry ${n + 1} is missing; the next one is ${entry.n}`)
      if (entry.previousHash !== head) return broken(`entry ${entry.n} does not hold the hash of entry ${n}`)
      if (hashOf(entry) !== entry.hash) return broken(`entry ${entry.n} was changed after it was written`)
      if (digestOf(entry.state as Row | null) !== entry.after)
        return broken(`the state in entry ${entry.n} does not have the digest beside it`)
      newest.set(entry.subject, { n: entry.n, after: entry.after })
      n = entry.n
      head = entry.hash
      notedSeen ||= head === noted
      anchoredSeen ||= anchored?.n === n && anchored.hash === head
    }
  }
  if (!anchoredSeen)
    return result({
      n: anchored!.n,
      subject: 'ledger_entries',
      reason: `entry ${anchored!.n}, noted beside the database when it was written, is not in the chain`,
    })
  if (!notedSeen) return result({ n: null, subject: 'ledger_entries', reason: 'the head you noted is not in the chain' })
  return result(null)
}

async function compareState({ sql, store, audited }: Input, newest: Newest): Promise<{ rows: number; broken: Broken | null }> {
  const unseen = new Set([...newest].filter(([, link]) => link.after !== null).map(([subject]) => subject))
  let rows = 0
  for (const table of audited) {
    for (let offset = 0; ; offset += PAGE) {
      const page = await store.rowsOf(sql, table, offset, PAGE)
      for (const row of page) {
        rows += 1
        const key = table.key.map((column) => row[column] as string | number)
        const subject = `${table.table}/${key.join('/')}`
        unseen.delete(subject)
        if (digestOf(row) === newest.get(subject)?.after) continue
        const broken = await recheck({ sql, store }, table, key, subject)
        if (broken) return { rows, broken }
      }
      if (page.length < PAGE) break
    }
  }
  for (const subject of unseen) {
    const table = audited.find((candidate) => subject.startsWith(`${candidate.table}/`))
    if (!table) continue
    const broken = await recheck({ sql, store }, table, subject.slice(table.table.length + 1).split('/'), subject)
    if (broken) return { rows, broken }
  }
  return { rows, broken: null }
}

/** Looks again inside one transaction: a row that changed while the walk went on is no break. */
async function recheck(
  { sql, store }: Pick<Input, 'sql' | 'store'>,
  table: AuditedTable,
  key: readonly (string | number)[],
  subject: string,
): Promise<Broken | null> {
  return await sql.transaction(async (tx) => {
    const entry = await store.newestOf(tx, subject)
    const row = await store.readRow(tx, table, key)
    if (digestOf(row) === (entry?.after ?? null) || isSameRow(entry?.state as Row | null | undefined, row)) return null
    if (!entry) return { n: null, subject, reason: `row ${subject} was never recorded in the ledger` }
    if (!row) return { n: entry.n, subject, reason: `row ${subject} is gone, but entry ${entry.n} says it stands` }
    return { n: entry.n, subject, reason: `row ${subject} differs from what entry ${entry.n} recorded` }
  })
}

/** A column that was added to the table after the entry was written is empty in the row, and is no difference. */
function isSameRow(state: Row | null | undefined, row: Row | null): boolean {
  if (!state || !row) return false
  const added = Object.keys(row).filter((column) => !(column in state))
  if (added.some((column) => row[column] !== null)) return false
  return digestOf(Object.fromEntries(Object.entries(row).filter(([column]) => column in state))) === digestOf(state)
}
