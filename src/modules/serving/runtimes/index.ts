export type { Scorer } from './onnx-runtime.ts'
export { createRuntimes, MODEL_LIMIT_BYTES, type Runtimes } from './runtimes.ts'
