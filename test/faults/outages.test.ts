import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { createRandom } from '../../src/lib/random.ts'
import { deployment, modelWithCut, registerModel, rowsOf } from '../world.ts'

const DEAD_PORT = 9
/** Programs of the machine, not dependencies of ours. */
const machine = { mount: 'mount', unmount: 'umount' } as const
let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-outage-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Starts a server that cannot start, and gives what it printed and its exit code. */
function startInVain(environment: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, ['src/serve.ts'], {
    env: { ...process.env, SETPOINT_DATA: path.join(folder, 'data'), SETPOINT_PORT: '0', SETPOINT_LOG_LEVEL: 'error', ...environment },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk))
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, text })))
}

test.each([
  ['PostgreSQL', { SETPOINT_SQL_URL: `postgresql://nobody@127.0.0.1:${DEAD_PORT}/none` }, /PostgreSQL.*127\.0\.0\.1/s],
  ['ClickHouse', { SETPOINT_COLUMNS_URL: `http://127.0.0.1:${DEAD_PORT}/none` }, /ClickHouse|telemetry store|127\.0\.0\.1/],
  ['settings', { SETPOINT_PORT: 'many', SETPOINT_COLOUR: 'red', SETPOINT_SQL_URL: 'mysql://x' }, /3 problem\(s\)/],
])('without %s the server says what is wrong and ends', async (_name, environment, message) => {
  const { code, text } = await startInVain(environment)
  expect(code).toBe(1)
  expect(text).toMatch(/^Setpoint cannot start: /m)
  expect(text).toMatch(message)
  expect(text).not.toMatch(/\n\s+at /)
})

test('a second server on the same folder is refused; one on a folder that a kill left behind is not', async () => {
  const server = await startServer(path.join(folder, 'data'))
  const second = await startInVain({})
  expect(second.code).toBe(1)
  expect(second.text).toMatch(/another|already|in use/i)
  server.process.kill('SIGKILL')
  await new Promise((resolve) => server.process.once('exit', resolve))
  const third = await startServer(path.join(folder, 'data'))
  await third.stop()
})

async function serving(
  data: string,
): Promise<{ server: Server; client: Client; send: (count: number, prefix: string) => Promise<{ ok: number; recorded: number }> }> {
  const server = await startServer(data)
  const client = createClient({ url: server.url, token: server.token })
  const random = createRandom('outage')
  await registerModel(client, 'churn', modelWithCut(0.5), { rows: rowsOf(random, 500), alias: 'champion' })
  await client.call(documents.apply, { documents: [deployment()] })
  while (!(await client.call(deployments.getDeployment, { deployment: 'churn' })).ready) await pause(50)
  return {
    server,
    client,
    async send(count, prefix) {
      let ok = 0
      let recorded = 0
      for (const [i, { a, b }] of rowsOf(random, count).entries()) {
        const body = JSON.stringify({ id: `${prefix}-${i}`, inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [a, b] }] })
        const response = await fetch(`${server.url}/v2/models/churn/infer`, {
          method: 'POST',
          headers: { authorization: `Bearer ${server.token}` },
          body,
        })
        await response.text()
        if (response.status === 200) ok += 1
        if (response.headers.get('setpoint-recorded') !== 'false') recorded += 1
      }
      return { ok, recorded }
    },
  }
}

async function storedRows(client: Client): Promise<number> {
  return (
    (await client.call(telemetry.summarizeTraffic, { deployment: 'churn', windowMs: 3_600_000 }).catch(() => ({ deployments: [] })))
      .deployments[0]?.requests ?? 0
  )
}

async function untilStored(client: Client, rows: number): Promise<number> {
  for (let waited = 0; waited < 60_000 && (await storedRows(client)) < rows; waited += 200) await pause(200)
  return await storedRows(client)
}

test('the telemetry store is killed again and again: serving goes on, and every record comes to be stored once', async () => {
  const { server, client, send } = await serving(path.join(folder, 'data'))
  try {
    let answered = 0
    for (let round = 0; round < 5; round++) {
      const face = execFileSync('pgrep', ['-P', String(server.process.pid), '-f', 'face.ts'])
        .toString()
        .trim()
        .split('\n')[0]!
      process.kill(Number(face), 'SIGKILL')
      const { ok, recorded } = await send(100, `round${round}`)
      expect([ok, recorded]).toEqual([100, 100])
      answered += ok
      while (!/"telemetry":"ok"/.test(await (await fetch(`${server.url}/readyz`)).text())) await pause(100)
    }
    expect(await untilStored(client, answered)).toBe(answered)
  } finally {
    await server.stop()
  }
})

test('the disk is full: predictions are answered and marked, what must be kept is refused, and all recovers', async (context) => {
  const disk = path.join(folder, 'disk')
  fs.mkdirSync(disk)
  try {
    execFileSync(machine.mount, ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk], { stdio: 'pipe' })
  } catch {
    return context.skip('a small file system cannot be mounted here')
  }
  const { server, client, send } = await serving(path.join(disk, 'data'))
  try {
    expect(await send(20, 'before')).toEqual({ ok: 20, recorded: 20 })
    await untilStored(client, 20)
    fillDisk(path.join(disk, 'filler'))
    const during = await send(50, 'during')
    expect(during.ok).toBe(50)
    expect(during.recorded).toBeLessThan(50)
    await expect(registerModel(client, 'big', modelWithCut(0.3))).rejects.toMatchObject({ code: 'storage_full' })
    fs.rmSync(path.join(disk, 'filler'))
    await pause(500)
    expect(await send(20, 'after')).toEqual({ ok: 20, recorded: 20 })
    expect(await untilStored(client, 40 + during.recorded)).toBe(40 + during.recorded)
  } finally {
    await server.stop()
    execFileSync(machine.unmount, [disk])
  }
})

/** Writes until nothing more fits, down to the last byte. */
function fillDisk(file: string): void {
  const descriptor = fs.openSync(file, 'w')
  for (let size = 1 << 20; size >= 1; ) {
    try {
      if (fs.writeSync(descriptor, Buffer.alloc(size)) < size) size = Math.floor(size / 2)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      size = Math.floor(size / 2)
    }
  }
  fs.closeSync(descriptor)
}
