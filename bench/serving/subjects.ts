import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { serverFlags } from '../../src/lib/node-flags.ts'
import { benchRows, FEATURES } from './model.ts'

export type SubjectName = 'bare node:http' | 'Setpoint' | 'FastAPI' | 'MLServer' | 'BentoML'
/** A server that is up and answers the workload. */
export type Subject = {
  readonly name: SubjectName
  readonly port: number
  readonly path: string
  readonly token?: string
  readonly pid: number
  stop(): Promise<void>
}

const packages = {
  FastAPI: ['fastapi==0.165.0', 'uvicorn[standard]==0.54.0', 'numpy==2.4.6', 'onnxruntime==1.32.0'],
  MLServer: ['mlserver==1.7.1', 'uvloop==0.21.0', 'numpy==2.4.6', 'onnxruntime==1.32.0'],
  BentoML: ['bentoml==1.4.39', 'numpy==2.4.6', 'onnxruntime==1.32.0'],
} as const
const START_LIMIT_MS = 120_000
const STOP_LIMIT_MS = 15_000
const here = import.meta.dirname
const root = path.resolve(here, '../..')

/** Starts one server on a model file; `workers` is how many processes a peer may use. */
export async function startSubject(name: SubjectName, modelFile: string, workers: number): Promise<Subject> {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'serving-bench-'))
  const port = await freePort()
  const { command, flags, env, ready, infer } = launch(name, { folder, port, modelFile, workers })
  const log = fs.openSync(path.join(folder, 'server.log'), 'a')
  const child = spawn(command, flags, { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', log, log], detached: true })
  await started(child, `http://127.0.0.1:${port}${ready}`, `${name}; see ${folder}/server.log`)
  const token = name === 'Setpoint' ? await deploy(`http://127.0.0.1:${port}`, folder, modelFile) : undefined
  return {
    name,
    port,
    path: infer,
    token,
    pid: child.pid!,
    async stop() {
      // Asked first: a peer’s own supervisor ends workers that are in a group of their own.
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await Promise.race([exit, delay(STOP_LIMIT_MS)])
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(-child.pid!, 'SIGKILL')
        await exit
      }
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}

type Place = { readonly folder: string; readonly port: number; readonly modelFile: string; readonly workers: number }

function launch(name: SubjectName, { folder, port, modelFile, workers }: Place) {
  const infer = '/v2/models/trees/infer'
  switch (name) {
    case 'bare node:http':
      return { command: process.execPath, flags: [path.join(here, 'bare.ts'), modelFile, String(port)], env: {}, ready: '/', infer }
    case 'Setpoint':
      return {
        command: process.execPath,
        flags: [...serverFlags, path.join(root, 'src/serve.ts')],
        env: { SETPOINT_DATA: folder, SETPOINT_PORT: String(port), SETPOINT_LOG_LEVEL: 'warn' },
        ready: '/v2/health/ready',
        infer,
      }
    case 'FastAPI':
      return {
        command: bin('FastAPI', 'uvicorn'),
        flags: [
          'fastapi_app:app',
          '--app-dir',
          path.join(here, 'peers'),
          '--port',
          String(port),
          '--workers',
          String(workers),
          '--no-access-log',
        ],
        env: { BENCH_MODEL: modelFile },
        ready: '/ready',
        infer,
      }
    case 'MLServer':
      writeMlserverSettings({ folder, port, modelFile, workers })
      return {
        command: bin('MLServer', 'mlserver'),
        flags: ['start', folder],
        env: { PYTHONPATH: path.join(here, 'peers') },
        ready: '/v2/models/trees/ready',
        infer,
      }
    case 'BentoML':
      return {
        command: bin('BentoML', 'bentoml'),
        flags: ['serve', 'bentoml_service:Trees', '--working-dir', path.join(here, 'peers'), '--port', String(port)],
        env: { BENCH_MODEL: modelFile, BENCH_WORKERS: String(workers), BENTOML_DO_NOT_TRACK: 'true' },
        ready: '/readyz',
        infer: '/infer',
      }
  }
}

function writeMlserverSettings({ folder, port, modelFile, workers }: Place): void {
  const settings = {
    http_port: port,
    grpc_port: port + 1,
    metrics_port: port + 2,
    debug: false,
    parallel_workers: workers === 1 ? 0 : workers,
  }
  fs.writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings))
  const model = { name: 'trees', implementation: 'mlserver_model.Trees', parameters: { uri: modelFile } }
  fs.writeFileSync(path.join(folder, 'model-settings.json'), JSON.stringify(model))
}

/** Everything on: key check, rate limit, rules for features, an A/B split, records on disk, a drift monitor on a reference, metrics. */
async function deploy(url: string, folder: string, modelFile: string): Promise<string> {
  const { token } = JSON.parse(fs.readFileSync(path.join(folder, 'local.json'), 'utf8')) as { token: string }
  const client = createClient({ url, token })
  const features = Array.from({ length: FEATURES }, (_, i) => `f${i}`)
  const { digest: artifact } = await client.call(registry.uploadArtifact, { body: fs.readFileSync(modelFile) as never })
  const csv = [[...features, 'label'].join(), ...benchRows(2_000).map((row, i) => [...row, i % 2].join())].join('\n')
  const { digest: reference } = await client.call(registry.uploadArtifact, { body: `${csv}\n` as never })
  await client.call(registry.registerVersion, { model: 'trees', artifact, features, reference, alias: 'champion' })
  await client.call(registry.registerVersion, { model: 'trees', artifact, features, reference })
  const document = (kind: string, spec: object) => ({ apiVersion: 'setpoint/v1', kind, metadata: { name: 'trees' }, spec })
  const rules = Object.fromEntries(features.map((name) => [name, { min: -10, max: 10, expected: [-1, 1] }]))
  await client.call(documents.apply, {
    documents: [
      document('Deployment', {
        model: 'trees',
        features: rules,
        limits: { requestsPerSecond: 1_000_000 },
        split: { version: 2, percent: 10 },
      }),
      document('Monitor', { deployment: 'trees', falseAlarmBudget: { everyRows: 10_000_000 } }),
    ],
  })
  return token
}

async function started(child: ChildProcess, url: string, what: string): Promise<void> {
  const deadlineMs = Date.now() + START_LIMIT_MS
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error(`${what} did not start`)
    await delay(200)
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    // Nobody listens yet.
    return false
  }
}

/** A program of a peer’s own environment, made here once: together their packages do not resolve. */
function bin(peer: keyof typeof packages, program: string): string {
  const folder = path.join(tmpdir(), `setpoint-bench-${peer.toLowerCase()}`)
  if (!fs.existsSync(path.join(folder, 'ready'))) {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' })
    execFileSync(path.join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...packages[peer]], { stdio: 'inherit' })
    fs.mkdirSync(path.join(folder, 'ready'))
  }
  return path.join(folder, 'bin', program)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
