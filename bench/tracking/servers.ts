import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A tracking server of its own, in a folder of its own, and the SQLite file it keeps. */
export type TrackingServer = { readonly name: string; readonly url: string; readonly database: string; stop(): Promise<void> }

const MLFLOW = 'mlflow==3.17.2'
const START_LIMIT_MS = 120_000
const root = path.resolve(import.meta.dirname, '../..')

export async function startSetpoint(): Promise<TrackingServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'setpoint-bench-'))
  const port = await freePort()
  // Settings of the bench itself are none of the server’s.
  const { SETPOINT_BENCH_PYTHON: _python, ...inherited } = process.env
  const own = { SETPOINT_OPEN: 'true', SETPOINT_DATA: folder, SETPOINT_PORT: String(port), SETPOINT_LOG_LEVEL: 'warn' }
  const child = spawn(process.execPath, [path.join(root, 'src/serve.ts')], { env: { ...inherited, ...own }, stdio: logTo(folder) })
  return await started({ name: 'Setpoint', folder, port, child, database: path.join(folder, 'setpoint.db') })
}

/** The reference server as it starts by default, on SQLite. */
export async function startReference(python: string): Promise<TrackingServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mlflow-bench-'))
  const port = await freePort()
  const database = path.join(folder, 'mlflow.db')
  const flags = ['--backend-store-uri', `sqlite:///${database}`, '--host', '127.0.0.1', '--port', String(port)]
  const child = spawn(python, ['-m', 'mlflow', 'server', ...flags], {
    cwd: folder,
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' },
    stdio: logTo(folder),
    // Its workers are processes of their own, ended together.
    detached: true,
  })
  return await started({ name: 'mlflow server', folder, port, child, database })
}

/** The Python of SETPOINT_BENCH_PYTHON, or of an environment made here once. */
export function pythonWithMlflow(): string {
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

function logTo(folder: string): ['ignore', number, number] {
  const file = openSync(path.join(folder, 'server.log'), 'w')
  return ['ignore', file, file]
}

type Starting = { name: string; folder: string; port: number; child: ChildProcess; database: string }

async function started({ name, folder, port, child, database }: Starting): Promise<TrackingServer> {
  const url = `http://127.0.0.1:${port}`
  const exit = once(child, 'exit')
  const deadlineMs = Date.now() + START_LIMIT_MS
  while (!(await isHealthy(url))) {
    if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error(`${name} did not start; see ${folder}/server.log`)
    await delay(200)
  }
  return {
    name,
    url,
    database,
    async stop() {
      process.kill(child.spawnargs.includes('mlflow') ? -child.pid! : child.pid!, 'SIGTERM')
      await exit
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
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
