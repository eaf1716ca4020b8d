export type { ChallengerHealth } from './challengers.ts'
export { createDeployments, type Deployments } from './deployments.ts'
export type { Live } from './live.ts'
export { routesTable } from './store.ts'
