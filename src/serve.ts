import fs from 'node:fs'
import path from 'node:path'
import { type App, createApp } from './app.ts'
import type { Caller } from './contract/endpoint.ts'
import { AppError, messageFrom } from './contract/errors.ts'
import { type Config, environmentWith, printableConfig, readConfig } from './infra/config.ts'
import { createLog, type Log } from './infra/log.ts'
import { type Infra, openInfra } from './infra/open.ts'
import { startWorkers, type Workers } from './infra/workers.ts'

const STOP_WITHIN_MS = 10_000
const ADOPT_EVERY_MS = 30_000
const USUAL_PORT = 7_300
const USUAL_GRPC_PORT = 7_301
const LOCAL_KEY_MS = 365 * 86_400_000

/**
 * The process: reads the configuration, opens the stores, listens, prints one link, and stops without losing anything. With
 * several workers it is the first process, which keeps the stores and the jobs, and its workers listen.
 */
async function serve(): Promise<void> {
  const config = readConfig()
  const log = createLog(config.logLevel, (line) => process.stderr.write(line))
  fs.mkdirSync(config.data, { recursive: true, mode: 0o700 })
  log.info('serve.starting', { config: printableConfig(config), node: process.version })
  const infra = await openInfra(config, { log })
  const app = await createApp(infra)
  const workers: Pick<Workers, 'stop'>[] = []
  stopOnSignals(app, infra, log, workers)
  const first = await app.start()
  if (config.worker > 0) return await listenAsWorker(app, infra)
  const url = config.workers > 1 ? await listenByWorkers(app, infra, workers) : await app.http.listen(config.host, config.port)
  infra.setServerUrl(url)
  const grpcPort = config.workers > 1 ? undefined : await listenForGrpc(app, config, log)
  await leaveKey(app, config, url)
  const { token } = await app.access.createSignIn({ role: 'admin' }, local)
  log.info('serve.listening', { url, grpcPort, workers: config.workers, first })
  process.stdout.write(
    `\n  Setpoint is at ${url}\n  Open the console: ${url}/sign-in#${token}\n  (the link works once, for 10 minutes; "setpoint access create-sign-in" makes another)\n\n`,
  )
}

/** Answers on the port that all workers share, and goes on when the first process is gone. */
async function listenAsWorker(app: App, { config, log, setServerUrl }: Infra): Promise<void> {
  const url = await app.http.listen(config.host, config.port, true)
  setServerUrl(url)
  await listenForGrpc(app, config, log)
  process.on('disconnect', () => log.warn('serve.first_process_gone', { worker: config.worker }))
  process.send?.('ready')
  log.info('serve.listening', { url, worker: config.worker })
}

/** Starts the workers, then moves what earlier ones left. */
async function listenByWorkers(app: App, { config, log, clock }: Infra, started: Pick<Workers, 'stop'>[]): Promise<string> {
  if (config.port === 0)
    throw new AppError('invalid', `with ${config.workers} workers the port must be named; set SETPOINT_PORT`, { workers: config.workers })
  const { data, workers: count } = config
  const workers = await startWorkers({
    data,
    count,
    log,
    clock,
    program: import.meta.filename,
    environment: (worker) => environmentWith({ SETPOINT_WORKER: String(worker) }),
  })
  started.push(workers)
  const adopt = () => {
    app
      .adoptSpools(workers.numbers)
      .catch((error: unknown) => log.warn('serve.adopting_failed', { error }))
      .finally(() => clock.after(ADOPT_EVERY_MS, adopt))
  }
  adopt()
  return `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${config.port}`
}

/** The port of gRPC, null for none. A port that nobody asked for may be taken: the server then says so and goes on without. */
async function listenForGrpc(app: App, { host, port, grpcPort, worker }: Config, log: Log): Promise<number | null> {
  const chosen = grpcPort ?? (port === USUAL_PORT ? USUAL_GRPC_PORT : 'off')
  if (chosen === 'off') return null
  try {
    return await app.grpc.listen(host, chosen, worker > 0)
  } catch (error) {
    if (grpcPort !== undefined || !(error instanceof AppError)) throw error
    log.warn('serve.without_grpc', { problem: error.message })
    return null
  }
}

/** Stops in the order that loses nothing; a second signal ends at once. */
function stopOnSignals(app: App, infra: Infra, log: Log, workers: readonly Pick<Workers, 'stop'>[]): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130)
      stopping = true
      log.info('serve.stopping', { signal })
      Promise.all(workers.map((one) => one.stop(STOP_WITHIN_MS)))
        .then(() => app.stop(STOP_WITHIN_MS))
        .then(() => infra.close())
        .then(() => process.exit(0))
        .catch((error: unknown) => {
          log.error('serve.stop_failed', { error })
          process.exit(1)
        })
    })
  }
}

const local: Caller = { id: 'local', project: 'default', scopes: new Set(['admin']), requestId: 'start' }

/** Leaves a key in the data folder, readable by its owner only, so that the command line on this machine needs no set-up. */
async function leaveKey(app: App, config: Config, url: string): Promise<void> {
  const file = path.join(config.data, 'local.json')
  const kept = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as { token?: string }) : {}
  const token =
    kept.token ?? (await app.access.issueKey('default', 'local', 'admin', LOCAL_KEY_MS, 'the command line on this machine')).secret
  fs.writeFileSync(`${file}.new`, JSON.stringify({ url, token }), { mode: 0o600 })
  fs.renameSync(`${file}.new`, file)
}

serve().catch((error: unknown) => {
  process.stderr.write(`Setpoint cannot start: ${messageFrom(error)}\n`)
  if (!(error instanceof AppError)) process.stderr.write(`${error instanceof Error ? error.stack : ''}\n`)
  process.exit(1)
})
