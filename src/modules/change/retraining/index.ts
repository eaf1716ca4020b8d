export { createRetraining, type Retraining, trainingsTable } from './retraining.ts'
