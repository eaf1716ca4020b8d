export { responsesTable } from './responses.ts'
export { createTriage, type Triage } from './triage.ts'
