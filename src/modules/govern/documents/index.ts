export { createDocuments, type Declared, type Documents, type Rule } from './documents.ts'
export { documentsTable, versionsTable as documentVersionsTable } from './store.ts'
