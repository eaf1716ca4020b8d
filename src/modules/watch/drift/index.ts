export { createDrift, type Drift } from './drift.ts'
export { checkMonitor } from './other-detectors.ts'
export { seasonsTable } from './season.ts'
export { profilesTable } from './store.ts'
