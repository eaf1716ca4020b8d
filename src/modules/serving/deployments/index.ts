export { createDeployments, type Deployments, type ScoreInput } from './deployments.ts'
export type { Live, Scored } from './live.ts'
export { routesTable } from './store.ts'
