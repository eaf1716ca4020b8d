export { createDrift, type Drift } from './drift.ts'
export { profilesTable } from './store.ts'
