import fs from 'node:fs'
import path from 'node:path'
import { AppError } from '../contract/errors.ts'
import type { Config } from './config.ts'
import { lockFile } from './sql/file-lock.ts'

/** Where a process stands among those that share a data folder. */
export type Place = {
  /** `alone` with one process; else the first process owns the embedded stores, and its workers are guests. */
  readonly sharing: 'alone' | 'owner' | 'guest'
  readonly node: string
  readonly spool: string
}

export function placeOf({ data, node, worker, workers }: Pick<Config, 'data' | 'node' | 'worker' | 'workers'>): Place {
  if (worker > 0) return { sharing: 'guest', node: nodeOf(node, worker), spool: spoolFolderOf(data, worker) }
  return { sharing: workers > 1 ? 'owner' : 'alone', node, spool: path.join(data, 'spool') }
}

export function nodeOf(node: string, worker: number): string {
  return `${node}-w${worker}`
}

/** Each worker has a spool of its own, which outlives it. */
export function spoolFolderOf(data: string, worker: number): string {
  return path.join(data, `spool-w${worker}`)
}

const lockOf = (data: string, worker: number) => path.join(data, `worker-${worker}`)

/** Takes the place of a worker for this process, until it ends. Throws `conflict` when a live one has it. */
export function holdPlace(data: string, worker: number): { close(): Promise<void> } {
  const lock = lockFile(lockOf(data, worker))
  return { close: async () => lock.release() }
}

/** The process that has the place of a worker; undefined when it is free. */
export function holderOf(data: string, worker: number): number | undefined {
  try {
    lockFile(lockOf(data, worker)).release()
    return undefined
  } catch (error) {
    if (error instanceof AppError && error.code === 'conflict') return error.details.pid as number
    throw error
  }
}

/** The workers that have left a spool, whether they live or not. */
export function workersWithSpool(data: string): number[] {
  return fs.readdirSync(data).flatMap((name) => {
    const match = /^spool-w(\d+)$/.exec(name)
    return match ? [Number(match[1])] : []
  })
}

/** When the oldest segment began that workers wrote and that was not moved yet, in milliseconds since the epoch; undefined without one. */
export function oldestOfWorkersMs(data: string): number | undefined {
  const began = workersWithSpool(data).flatMap((worker) => {
    const folder = spoolFolderOf(data, worker)
    const segments = fs.readdirSync(folder).filter((name) => name.endsWith('.segment'))
    // One that is gone by now was moved.
    return segments.flatMap((name) => fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.birthtimeMs ?? [])
  })
  return began.length === 0 ? undefined : Math.min(...began)
}
