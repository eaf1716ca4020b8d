export { type Bus, createBus } from './bus.ts'
export type { BusEvent, NewEvent } from './event.ts'
