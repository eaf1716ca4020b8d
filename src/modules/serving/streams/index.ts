export { checkStream } from './check-stream.ts'
export { streamControlsTable } from './store.ts'
export { createStreams, type Streams } from './streams.ts'
