export { createRuntimes, MODEL_LIMIT_BYTES, type Runtimes } from './runtimes.ts'
export type { Scorer } from './onnx-runtime.ts'
