export { createLabels, type Labels } from './labels.ts'
export type { LabelledPair } from './pairing.ts'
