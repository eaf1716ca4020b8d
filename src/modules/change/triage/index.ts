export { type Assessment, type Cause, createTriage, type Triage } from './triage.ts'
