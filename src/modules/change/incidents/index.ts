export { createIncidents, type Incidents, incidentsTable } from './incidents.ts'
