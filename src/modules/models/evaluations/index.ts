export { datasetsTable } from './dataset-store.ts'
export { createEvaluations, type Evaluations } from './evaluations.ts'
export { scorersTable } from './scorer-store.ts'
