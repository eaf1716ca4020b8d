import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

export type Server = {
  readonly url: string
  /** Ends the server as a power cut would. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends the server and removes its data. */
  remove(): Promise<void>
}

/** A PostgreSQL of our own on the loopback, in a temporary folder; or why there can be none. */
export async function startPostgres(): Promise<Server | { readonly skipped: string }> {
  const bin = binaryFolder()
  if (bin === undefined) return { skipped: 'no initdb and postgres on this machine' }
  const owner = unprivilegedUser()
  if (owner === undefined) return { skipped: 'PostgreSQL does not run as root, and there is no user "postgres" to run it as' }
  const folder = mkdtempSync(join(tmpdir(), 'setpoint-postgres-'))
  if ('uid' in owner) chownSync(folder, owner.uid, owner.gid)
  const made = spawnSync(join(bin, 'initdb'), ['-D', folder, '-U', 'setpoint', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...owner,
    encoding: 'utf8',
  })
  if (made.status !== 0) return { skipped: `initdb failed: ${made.stderr.trim()}` }
  const port = await freePort()
  const url = `postgres://setpoint@127.0.0.1:${port}/postgres`
  const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', max_connections: 300 }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])

  let end = async (_signal: NodeJS.Signals) => {}
  async function start() {
    const child = spawn(join(bin!, 'postgres'), ['-D', folder, ...flags], { ...owner, stdio: 'ignore' })
    const exit = once(child, 'exit')
    end = async (signal) => {
      child.kill(signal)
      await exit
    }
    await untilReady(url, () => child.exitCode !== null)
  }
  await start()
  return {
    url,
    start,
    // SIGQUIT is the immediate shutdown: no checkpoint, and the children go too.
    kill: () => end('SIGQUIT'),
    async remove() {
      await end('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function binaryFolder(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => join(root, version, 'bin')), '/usr/local/bin', '/usr/bin', '/opt/homebrew/bin']
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

/** Nothing to change for an ordinary user; for root the ids of the user `postgres`, if there is one. */
function unprivilegedUser(): { uid: number; gid: number } | Record<never, never> | undefined {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return uid?.status === 0 && gid?.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function untilReady(url: string, isGone: () => boolean): Promise<void> {
  for (;;) {
    const client = new Client({ connectionString: url })
    try {
      await client.connect()
      return await client.end()
    } catch (thrown) {
      if (isGone()) throw new Error('the PostgreSQL of the tests ended at once', { cause: thrown })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
