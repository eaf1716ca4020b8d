export { createFileAnchor } from './anchor.ts'
export { createLedger, type Ledger } from './ledger.ts'
export { type AuditedTable, createStore as createLedgerStore } from './store.ts'
