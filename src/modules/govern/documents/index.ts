export { createDocuments, type Declared, type Documents, type Lookup, type Rule, type Rules } from './documents.ts'
export { documentsTable, versionsTable as documentVersionsTable } from './store.ts'
