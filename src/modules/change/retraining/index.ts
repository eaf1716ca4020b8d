export { createRetraining, type Retraining } from './retraining.ts'
export { trainingsTable } from './trainings.ts'
