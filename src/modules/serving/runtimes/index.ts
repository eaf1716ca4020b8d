export type { LoadedModel, Scorer } from './model.ts'
export { createRuntimes, type Runtimes } from './runtimes.ts'
