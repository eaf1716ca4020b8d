export { createBatch } from './batch.ts'
export { checkBatch } from './check-batch.ts'
export { batchPartitionsTable, batchRunsTable } from './store.ts'
