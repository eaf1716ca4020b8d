export { createQuarantine, type QuarantineWindows, quarantineTable } from './quarantine.ts'
