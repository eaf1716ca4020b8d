import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createManualClock } from '../../../test/manual-clock.ts'
import { silentLog } from '../log.ts'
import { openSubjectLog, type SubjectLog } from './subject-log.ts'

const clock = createManualClock()
const folders: string[] = []
let folder = ''
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-log-'))
  folders.push(folder)
})
afterAll(() => {
  for (const one of folders) fs.rmSync(one, { recursive: true, force: true })
})

const open = (limitBytes = 64 << 20) => openSubjectLog({ folder, name: 'orders', clock, log: silentLog, limitBytes })
const entries = (from: number, to: number, bytes = 10) =>
  Array.from({ length: to - from }, (_, i) => ({ id: `e${from + i}`, bytes: Buffer.from(String(from + i).padStart(bytes, '0')) }))
const numbers = (read: readonly { bytes: Uint8Array }[]) => read.map(({ bytes }) => Number(Buffer.from(bytes).toString()))

async function readAll(log: SubjectLog, after = 0): Promise<number[]> {
  const all: number[] = []
  for (let at = after; ; ) {
    const page = await log.read(at, 1_000)
    if (page.length === 0) return all
    all.push(...numbers(page))
    at = page.at(-1)!.position
  }
}

test('what was appended is read in order, from memory and, long after, from disk; reopened, it goes on', async () => {
  let log = await open()
  for (let i = 0; i < 30_000; i += 500) log.append(entries(i, i + 500))
  expect([log.first(), log.last()]).toEqual([1, 30_000])
  expect(numbers(await log.read(29_998, 10))).toEqual([29_998, 29_999])
  expect(await readAll(log)).toEqual(Array.from({ length: 30_000 }, (_, i) => i))
  await log.close()
  log = await open()
  log.append(entries(30_000, 30_001))
  expect((await log.read(30_000, 5)).map(({ position, id }) => [position, id])).toEqual([[30_001, 'e30000']])
  expect(await readAll(log, 15_000)).toEqual(Array.from({ length: 15_001 }, (_, i) => 15_000 + i))
  await log.close()
})

test('an id is stored once, in one call, in another, and after the log was opened again', async () => {
  let log = await open()
  expect(log.append([...entries(0, 3), ...entries(2, 4)])).toEqual({ duplicates: 1 })
  expect(log.append(entries(1, 5))).toEqual({ duplicates: 3 })
  await log.close()
  log = await open()
  expect(log.append(entries(0, 6))).toEqual({ duplicates: 5 })
  expect(
    log.append([
      { id: '', bytes: Buffer.from('7') },
      { id: '', bytes: Buffer.from('7') },
    ]),
  ).toEqual({ duplicates: 0 })
  expect(await readAll(log)).toEqual([0, 1, 2, 3, 4, 5, 7, 7])
  await log.close()
})

test('a write that a crash cut off is dropped, and its position given out again', async () => {
  let log = await open()
  log.append(entries(0, 5))
  await log.close()
  const [file] = fs.readdirSync(folder)
  fs.truncateSync(path.join(folder, file!), fs.statSync(path.join(folder, file!)).size - 3)
  log = await open()
  expect(log.last()).toBe(4)
  log.append(entries(100, 101))
  expect(await readAll(log)).toEqual([0, 1, 2, 3, 100])
  await log.close()
})

test('at its limit the oldest go, unless a reader has still to see them: then it refuses and says who', async () => {
  const log = await open(64_000)
  log.hold('stream slow', 0)
  const fill = () => {
    for (let i = 0; i < 2_000; i += 10) log.append(entries(i, i + 10, 100))
  }
  expect(fill).toThrow(/stream slow has still to read \d+ of its events/)
  expect(log.first()).toBe(1)
  log.letGo('stream slow')
  fill()
  expect(log.first()).toBeGreaterThan(1)
  expect(log.last()).toBe(2_000)
  const folderBytes = fs.readdirSync(folder).reduce((sum, file) => sum + fs.statSync(path.join(folder, file)).size, 0)
  expect(folderBytes).toBeLessThanOrEqual(64_000)
  expect((await log.read(0, 1))[0]!.position).toBe(log.first())
  await log.close()
})

test('a reader that has seen further than the log goes makes it go on from there', async () => {
  const log = await open()
  log.append(entries(0, 2))
  log.continueAfter(10)
  log.append(entries(2, 3))
  expect((await log.read(10, 5)).map(({ position }) => position)).toEqual([11])
  expect((await log.read(2, 5)).map(({ position }) => position)).toEqual([11])
  await log.close()
})

test('who waits is woken by an append, and by the end of its patience', async () => {
  const log = await open()
  const patience = new AbortController()
  const woken = log.waitFor(0, patience.signal)
  log.append(entries(0, 1))
  await woken
  const given = log.waitFor(1, patience.signal)
  patience.abort()
  await given
  await log.close()
})

test('an event above the limit is refused', async () => {
  const log = await open()
  expect(() => log.append([{ id: '', bytes: new Uint8Array(1_048_577) }])).toThrow(/too large for subject orders/)
  await log.close()
})
