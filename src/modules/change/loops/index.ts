export { checkLoop, createLoops, type KeptRun, type Loops, loopRunsTable, type StepResult } from './loops.ts'
