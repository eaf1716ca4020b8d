export { createGates, type Gates, verdictsTable } from './gates.ts'
