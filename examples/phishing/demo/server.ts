import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { serverFlags } from '../../../src/lib/node-flags.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const READY_WITHIN_MS = 60_000

export type Server = {
  readonly url: string
  readonly token: string
  readonly consoleLink: string
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** Starts the server as its users do, as a process of its own on `data`, and waits until it listens. */
export async function startServer(
  data: string,
  options: { port?: number; logFile?: string; environment?: Record<string, string> } = {},
): Promise<Server> {
  fs.mkdirSync(data, { recursive: true })
  const log = fs.openSync(options.logFile ?? path.join(data, 'server.log'), 'a')
  const child = spawn(process.execPath, [...serverFlags, path.join(root, 'src/serve.ts')], {
    cwd: root,
    env: {
      ...process.env,
      SETPOINT_DATA: data,
      SETPOINT_PORT: String(options.port ?? 0),
      SETPOINT_LOG_LEVEL: 'info',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', log],
  })
  fs.closeSync(log)
  const consoleLink = await consoleLinkFrom(child)
  const { url, token } = JSON.parse(fs.readFileSync(path.join(data, 'local.json'), 'utf8')) as { url: string; token: string }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    url,
    token,
    consoleLink,
    process: child,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

function consoleLinkFrom(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`the server did not start within ${READY_WITHIN_MS / 1_000} s`)), READY_WITHIN_MS)
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code} before it listened; its log is beside its data`)))
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const link = /(http:\S+\/sign-in#\S+)/.exec(text)?.[1]
      if (!link) return
      clearTimeout(timer)
      resolve(link)
    })
  })
}
