export { aliasesTable } from './alias-store.ts'
export type { Origin, Places } from './places.ts'
export { createRegistry, type Registry } from './registry.ts'
export { modelsTable, versionsTable } from './store.ts'
