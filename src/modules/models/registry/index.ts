export { createRegistry, type Registry } from './registry.ts'
export { aliasesTable, modelsTable, versionsTable } from './store.ts'
