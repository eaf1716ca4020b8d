export { createRollouts, type Rollouts } from './rollouts.ts'
export { rolloutsTable } from './store.ts'
