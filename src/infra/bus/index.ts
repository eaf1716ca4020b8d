export { type Bus, createBus, type Handler } from './bus.ts'
export type { BusEvent, NewEvent } from './event.ts'
export type { BusHealth } from './transport.ts'
