export { createTriage, type Triage } from './triage.ts'
