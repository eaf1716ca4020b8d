export { createDeployments, type Deployments } from './deployments.ts'
export type { Live } from './live.ts'
export type { ChallengerHealth } from './scoring.ts'
export { routesTable } from './store.ts'
