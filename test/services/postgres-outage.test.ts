import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startServer } from '../../examples/phishing/demo/server.ts'
import { createClient } from '../../src/contract/client.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { createSchema, dropSchemas } from '../../src/infra/sql/for-tests.ts'
import { createRandom } from '../../src/lib/random.ts'
import { deployment, modelWithCut, registerModel, rowsOf } from '../world.ts'

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** A way to PostgreSQL that the test can cut. */
function createCutter(target: { host: string; port: number }) {
  const open = new Set<net.Socket>()
  let isCut = false
  const server = net.createServer((socket) => {
    if (isCut) return void socket.destroy()
    const onward = net.connect(target)
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      open.add(from)
      from.on('error', () => to.destroy()).on('close', () => open.delete(from))
      from.pipe(to)
    }
  })
  return {
    listen: () =>
      new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port))),
    cut(on: boolean) {
      isCut = on
      if (on) for (const socket of open) socket.destroy()
    },
    close: () => server.close(),
  }
}

const postgres = inject('postgres')
const here = postgres && 'url' in postgres ? postgres.url : undefined
let schema: Awaited<ReturnType<typeof createSchema>>
let folder: string
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-pg-'))
  if (here) schema = await createSchema(here)
})
afterAll(async () => {
  if (here) await dropSchemas(here, [schema.schema])
  fs.rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!here)('PostgreSQL goes away in flight: predictions go on, the rest says so, and all is well when it is back', async () => {
  const real = new URL(schema.url)
  const cutter = createCutter({ host: real.hostname, port: Number(real.port || 5432) })
  const through = new URL(schema.url)
  through.hostname = '127.0.0.1'
  through.port = String(await cutter.listen())
  const server = await startServer(path.join(folder, 'data'), { environment: { SETPOINT_SQL_URL: through.href } })
  try {
    const client = createClient({ url: server.url, token: server.token })
    await registerModel(client, 'churn', modelWithCut(0.5), { rows: rowsOf(createRandom('pg'), 300), alias: 'champion' })
    await client.call(documents.apply, { documents: [deployment()] })
    const predict = () => client.call(deployments.predict, { deployment: 'churn', features: { a: 0.9, b: 0.1 } })
    expect(await predict()).toMatchObject({ prediction: 1 })

    cutter.cut(true)
    // Longer than keys are remembered without asking.
    for (let i = 0; i < 70; i++) {
      expect(await predict()).toMatchObject({ prediction: 1 })
      await pause(100)
    }
    await expect(client.call(registry.listModels, {})).rejects.toMatchObject({ code: 'unavailable' })
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503)

    cutter.cut(false)
    for (let waited = 0; waited < 30_000 && (await fetch(`${server.url}/readyz`)).status !== 200; waited += 250) await pause(250)
    expect(await client.call(registry.listModels, {})).toMatchObject([{ name: 'churn' }])
    expect(await client.call(ledger.verify, {})).toMatchObject({ intact: true })
  } finally {
    cutter.cut(false)
    await server.stop()
    cutter.close()
  }
})
