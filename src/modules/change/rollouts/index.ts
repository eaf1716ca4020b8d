export { createRollouts, type Rollouts, rolloutsTable } from './rollouts.ts'
