import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { oldestOfWorkersMs, spoolFolderOf, workersWithSpool } from './places.ts'

let data: string
beforeEach(() => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-places-'))
})
afterEach(() => fs.rmSync(data, { recursive: true, force: true }))

test('the oldest segment of any worker is found, and nothing where all was moved', () => {
  expect(oldestOfWorkersMs(data)).toBeUndefined()
  for (const worker of [1, 12]) fs.mkdirSync(spoolFolderOf(data, worker))
  fs.mkdirSync(path.join(data, 'spool'))
  fs.writeFileSync(path.join(data, 'spool', 'n-0000000000000000.segment'), 'the first process’s own')
  expect(workersWithSpool(data).sort((a, b) => a - b)).toEqual([1, 12])
  expect(oldestOfWorkersMs(data)).toBeUndefined()
  const file = (worker: number) => path.join(spoolFolderOf(data, worker), `n-w${worker}-0000000000000001.segment`)
  fs.writeFileSync(file(12), 'older')
  const older = oldestOfWorkersMs(data)!
  expect(older).toBe(fs.statSync(file(12)).birthtimeMs)
  fs.writeFileSync(file(1), 'newer')
  fs.appendFileSync(file(12), 'goes on')
  expect(oldestOfWorkersMs(data)).toBe(older)
  fs.rmSync(file(12))
  expect(oldestOfWorkersMs(data)).toBe(fs.statSync(file(1)).birthtimeMs)
})
