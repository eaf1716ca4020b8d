export type { PredictionBatch, PredictionRecord, Segment, SegmentConsumer, SegmentLabel } from './segment.ts'
export type { SampledRow } from './store.ts'
export { createTelemetry, type Telemetry } from './telemetry.ts'
