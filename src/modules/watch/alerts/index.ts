export { type Alerts, checkAlert, createAlerts } from './alerts.ts'
