export { createObjectives, type Objectives } from './objectives.ts'
