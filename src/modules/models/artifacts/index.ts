export { type Artifacts, createArtifacts } from './artifacts.ts'
export { createCollector } from './collect.ts'
export { createUploads, type Uploads } from './uploads.ts'
