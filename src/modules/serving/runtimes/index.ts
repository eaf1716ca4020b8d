export type { LoadedModel, Scorer } from './model.ts'
export { createModelFolders } from './model-folders.ts'
export { createRuntimes, type Runtimes } from './runtimes.ts'
