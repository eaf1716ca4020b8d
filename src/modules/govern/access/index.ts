export { type Access, createAccess } from './access.ts'
export { keysTable, projectsTable } from './store.ts'
