export type { Scorer } from './onnx-runtime.ts'
export { createRuntimes, type Runtimes } from './runtimes.ts'
