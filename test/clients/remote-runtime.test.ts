import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployment, openWorld, type World } from '../world.ts'

// A real MLServer behind a deployment: MLSERVER=/path/to/bin/mlserver, an environment that "pip install mlserver" made.
const program = process.env.MLSERVER

if (program === undefined) test.skip('a model on MLServer, skipped: MLSERVER does not name its program', () => {})
else describe('a model on MLServer', () => onMlserver(program))

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo
      probe.close(() => resolve(port))
    })
  })

function onMlserver(program: string): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-mlserver-'))
  let server: ChildProcess
  let world: World
  let url: string
  beforeAll(async () => {
    fs.cpSync(path.join(import.meta.dirname, 'runtimes/mlserver'), folder, { recursive: true })
    const [http_port, grpc_port, metrics_port] = [await freePort(), await freePort(), await freePort()]
    fs.writeFileSync(
      path.join(folder, 'settings.json'),
      JSON.stringify({ host: '127.0.0.1', http_port, grpc_port, metrics_port, parallel_workers: 0 }),
    )
    server = spawn(program, ['start', '.'], { cwd: folder, stdio: 'ignore' })
    url = `http://127.0.0.1:${http_port}`
    const isReady = () =>
      fetch(`${url}/v2/models/sum/ready`).then(
        ({ status }) => status === 200,
        () => false,
      )
    await vi.waitUntil(isReady, { timeout: 60_000, interval: 200 })
    world = await openWorld({ SETPOINT_REMOTE_HOSTS: new URL(url).host })
    const version = { model: 'sum', source: 's3://bucket/sum', features: ['a', 'b'], alias: 'champion' } as const
    await world.admin.call(registry.registerVersion, version as never)
    await world.admin.call(documents.apply, { documents: [deployment('sum', 'sum', { runtime: { kind: 'remote', url } })] })
  }, 120_000)
  afterAll(async () => {
    server.kill('SIGTERM')
    await world.close()
    fs.rmSync(folder, { recursive: true, force: true })
  })

  const ask = (a: number, b: number) => world.admin.call(deployments.predict, { deployment: 'sum', features: { a, b } })

  test('rows go there and scores come back', async () => {
    for (const [a, b] of [
      [0.25, 0.5],
      [1, -3],
    ] as const)
      expect(await ask(a, b)).toMatchObject({ score: a + b, prediction: a + b >= 0.5 ? 1 : 0 })
  })

  test('when it is gone, calls say so, and the deployment is not ready', async () => {
    server.kill('SIGKILL')
    await new Promise((resolve) => server.once('exit', resolve))
    for (let i = 0; i < 6; i++) {
      let outcome = ''
      ask(1, 1).catch((error: { code: string }) => {
        outcome = error.code
      })
      await expect
        .poll(() => {
          world.clock.advance(50)
          return outcome
        })
        .toBe('unavailable')
    }
    expect(await world.admin.call(deployments.getDeployment, { deployment: 'sum' })).toMatchObject({
      ready: false,
      runtime: { breaker: 'open' },
      problem: expect.stringContaining('does not answer'),
    })
  })
}
