export { createEstimates, type Estimates } from './estimates.ts'
export { estimatorsTable } from './store.ts'
