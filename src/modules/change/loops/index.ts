export { checkLoop } from './check-loop.ts'
export { createLoops, type Loops, loopRunsTable } from './loops.ts'
export type { KeptRun, StepResult } from './run.ts'
