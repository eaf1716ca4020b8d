export { createWebhooks, type Webhooks, webhooksTable } from './webhooks.ts'
