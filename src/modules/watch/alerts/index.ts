export { checkAlert, createAlerts } from './alerts.ts'
