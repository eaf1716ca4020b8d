export { createJobs, type JobFilter, type Jobs, type NewJob } from './jobs.ts'
export type { JobContext, JobKind } from './run-job.ts'
export type { Schedule } from './schedules.ts'
export type { Job, JobState } from './store.ts'
