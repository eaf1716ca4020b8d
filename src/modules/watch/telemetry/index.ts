export type { PredictionBatch, PredictionRecord, Segment, SegmentConsumer, SegmentLabel } from './segment.ts'
export { createTelemetry, type Telemetry } from './telemetry.ts'
