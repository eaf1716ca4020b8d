export type { LabelledRow, LabelledRowsRequest, Quarantine } from './labelled-rows.ts'
export type { LabelRecord, PredictionBatch, PredictionRecord, Segment, SegmentConsumer, SegmentLabel } from './segment.ts'
export { createTelemetry, type Telemetry } from './telemetry.ts'
