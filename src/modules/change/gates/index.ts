export { evidenceTable } from './evidence-store.ts'
export { createGates, type Gates, verdictsTable } from './gates.ts'
