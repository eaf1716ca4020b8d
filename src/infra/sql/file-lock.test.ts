import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { lockFile } from './file-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'setpoint-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function lockInChild(file: string): Promise<ChildProcess> {
  const module = new URL('./file-lock.ts', import.meta.url).href
  // Held by name: a lock that nothing refers to is given back with the garbage.
  const code = `import { lockFile } from ${JSON.stringify(module)}; globalThis.held = lockFile(${JSON.stringify(file)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

test('the second holder is refused by the id of the first, until that gives it back', () => {
  const file = join(folder, 'a.db')
  const lock = lockFile(file)
  expect(() => lockFile(file)).toThrow(
    expect.objectContaining({ code: 'conflict', message: expect.stringContaining(`process ${process.pid}`) }),
  )
  lock.release()
  lock.release()
  lockFile(file).release()
})

test('a lock goes with its process, also by kill -9', async () => {
  const file = join(folder, 'b.db')
  const child = await lockInChild(file)
  expect(() => lockFile(file)).toThrow(expect.objectContaining({ code: 'conflict', details: expect.objectContaining({ pid: child.pid }) }))
  child.kill('SIGKILL')
  await once(child, 'exit')
  lockFile(file).release()
})
