export { createAlerts } from './alerts.ts'
export { checkAlert } from './check-alert.ts'
