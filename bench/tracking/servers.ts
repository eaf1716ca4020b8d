import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLog } from '../../src/infra/log.ts'
import { createSql } from '../../src/infra/sql/index.ts'

/** A tracking server of its own, in a folder of its own, on the SQLite file there. */
export type TrackingServer = {
  readonly kind: ServerKind
  readonly url: string
  /** Ends it at once, whatever it is doing, and starts it anew on the same file. */
  restart(): Promise<void>
  stop(): Promise<void>
}
export type ServerKind = 'Setpoint' | 'mlflow server'

const MLFLOW = 'mlflow==3.17.2'
const START_LIMIT_MS = 120_000
const root = path.resolve(import.meta.dirname, '../..')

/** Starts a server once `fill` has put something into its SQLite file, whose tables are there. */
export async function startServer(kind: ServerKind, fill: (file: string) => void): Promise<TrackingServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tracking-bench-'))
  const file = path.join(folder, 'setpoint.db')
  if (kind === 'Setpoint') await (await createSql({ file, migrations: path.join(root, 'migrations/sql'), log: silentLog })).close()
  else execFileSync(pythonWithMlflow(), ['-m', 'mlflow', 'db', 'upgrade', `sqlite:///${file}`], { cwd: folder, stdio: 'ignore' })
  fill(file)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const start = async () => {
    const child = kind === 'Setpoint' ? spawnSetpoint(folder, port) : spawnReference(folder, file, port)
    const deadlineMs = Date.now() + START_LIMIT_MS
    while (!(await isHealthy(url))) {
      if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error(`${kind} did not start; see ${folder}/server.log`)
      await delay(200)
    }
    return child
  }
  let child = await start()
  return {
    kind,
    url,
    async restart() {
      await end(child, 'SIGKILL')
      child = await start()
    },
    async stop() {
      await end(child, 'SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}

function spawnSetpoint(folder: string, port: number): ChildProcess {
  // Settings of the bench itself are none of the server’s.
  const { SETPOINT_BENCH_PYTHON: _python, ...inherited } = process.env
  const own = { SETPOINT_OPEN: 'true', SETPOINT_DATA: folder, SETPOINT_PORT: String(port), SETPOINT_LOG_LEVEL: 'warn' }
  return spawnDetached(folder, process.execPath, [path.join(root, 'src/serve.ts')], { ...inherited, ...own })
}

/** The reference server as it starts by default. */
function spawnReference(folder: string, file: string, port: number): ChildProcess {
  const flags = ['--backend-store-uri', `sqlite:///${file}`, '--host', '127.0.0.1', '--port', String(port)]
  return spawnDetached(folder, pythonWithMlflow(), ['-m', 'mlflow', 'server', ...flags], {
    ...process.env,
    MLFLOW_DISABLE_TELEMETRY: 'true',
  })
}

/** In a group of its own: both servers have children, which end with them. */
function spawnDetached(folder: string, command: string, flags: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(path.join(folder, 'server.log'), 'a')
  return spawn(command, flags, { cwd: folder, env, stdio: ['ignore', log, log], detached: true })
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit')
  process.kill(-child.pid!, signal)
  await exit
}

/** The Python of SETPOINT_BENCH_PYTHON, or of an environment made here once. */
function pythonWithMlflow(): string {
  if (process.env.SETPOINT_BENCH_PYTHON) return process.env.SETPOINT_BENCH_PYTHON
  const folder = path.join(tmpdir(), `setpoint-bench-${MLFLOW}`)
  const python = path.join(folder, 'bin/python')
  if (!existsSync(path.join(folder, 'ready'))) {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' })
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', MLFLOW], { stdio: 'inherit' })
    mkdirSync(path.join(folder, 'ready'))
  }
  return python
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok
  } catch {
    // Nobody listens yet.
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
