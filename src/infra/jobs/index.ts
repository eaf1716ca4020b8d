export { createJobs, type Jobs } from './jobs.ts'
export type { JobContext, JobKind } from './run-job.ts'
export type { Job } from './store.ts'
