import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Server } from './postgres.ts'

/** The machine’s own, when it has one; not a dependency of ours. */
const PROGRAM = 'nats-server'

/** A NATS server of our own with JetStream, on the loopback, in a temporary folder; or why there can be none. */
export async function startNats(): Promise<Server | { readonly skipped: string }> {
  if (spawnSync(PROGRAM, ['--version']).status !== 0) return { skipped: `no ${PROGRAM} on this machine` }
  const folder = mkdtempSync(join(tmpdir(), 'setpoint-nats-'))
  const port = await freePort()
  let end = async () => {}
  async function start() {
    const child = spawn(PROGRAM, ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
    const exit = once(child, 'exit')
    end = async () => {
      child.kill('SIGKILL')
      await exit
    }
    await untilOpen(port, () => child.exitCode !== null)
  }
  await start()
  return {
    url: `nats://127.0.0.1:${port}`,
    start,
    kill: () => end(),
    async remove() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function untilOpen(port: number, isGone: () => boolean): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return
    if (isGone()) throw new Error('the NATS server of the tests ended at once')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
