export { createAdvisor } from './advisor.ts'
export { createCheckDeployment } from './check-deployment.ts'
export { decisionsTable } from './store.ts'
