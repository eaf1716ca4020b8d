import { constants, setPriority } from 'node:os'

// Loaded into a calculation’s thread before its program: whatever serves requests goes first, and the calculation takes what
// is left. Only Linux has priorities of threads; elsewhere this would slow the whole process down.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
