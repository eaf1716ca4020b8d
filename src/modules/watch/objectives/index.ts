export { createObjectives } from './objectives.ts'
