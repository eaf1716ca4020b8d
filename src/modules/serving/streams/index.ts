export { checkStream } from './check-stream.ts'
export { streamControlsTable } from './store.ts'
export { createStreams } from './streams.ts'
