import { setPriority } from 'node:os'

/** Where every core is busy a calculation still has about a quarter of one, so that it is done in its time. */
const NICENESS = 5

// Loaded into a calculation’s thread before its program: whatever serves requests goes first, and the calculation takes what
// is left. Only Linux has priorities of threads; elsewhere this would slow the whole process down.
if (process.platform === 'linux') setPriority(NICENESS)
