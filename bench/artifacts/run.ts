import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'

// One large file up and down: Setpoint, a plain file server, and where it is at hand the artifact proxy of MLflow.
const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    mlflow: { type: 'string', default: 'mlflow' },
  },
})
const megabytes = Number(values.megabytes)
const rounds = Number(values.rounds)
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-bench-artifacts-'))
const root = path.resolve(import.meta.dirname, '../..')

const PLAIN = 'plain file server'
const TICKS_PER_S = 100

type Peer = { readonly name: string; readonly pid: number; readonly urlOf: (file: string) => string; stop(): Promise<void> }
type Measured = {
  readonly upMbs: number
  readonly downMbs: number
  /** Of the server, for one upload and one download. */
  readonly upCpuS: number
  readonly downCpuS: number
  readonly idleMb: number
  readonly peakMb: number
}

/** Starts a program and resolves with the first line of its output that `find` takes for its address. */
async function start(command: string, args: readonly string[], find: (line: string) => string | undefined, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    const look = (chunk: Buffer) => {
      text += chunk
      const found = text.split('\n').map(find).find(Boolean)
      if (found) resolve(found)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${text.slice(-2_000)}`)))
  })
  return { url, pid: child.pid!, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const proxy = (url: string) => (file: string) => `${url}/api/2.0/mlflow-artifacts/artifacts/bench/${file}`
const setpoint = async (): Promise<Peer> => {
  const environment = {
    SETPOINT_DATA: path.join(folder, 'setpoint'),
    SETPOINT_PORT: '0',
    SETPOINT_OPEN: 'true',
    SETPOINT_LOG_LEVEL: 'warn',
  }
  const started = await start(process.execPath, ['src/serve.ts'], (line) => /Setpoint is at (\S+)/.exec(line)?.[1], environment)
  return { ...started, name: 'Setpoint', urlOf: proxy(started.url) }
}
const plain = async (name: string, ...options: string[]): Promise<Peer> => {
  const own = path.join(folder, name.replaceAll(/\W+/g, '-'))
  fs.mkdirSync(own)
  const started = await start(
    process.execPath,
    ['bench/artifacts/plain-server.ts', own, ...options],
    (line) => /^http:\S+$/.exec(line)?.[0],
  )
  return { ...started, name, urlOf: (file) => `${started.url}/${file}` }
}
const mlflow = async (): Promise<Peer> => {
  const port = String(await freePort())
  const args = ['server', '--artifacts-only', '--artifacts-destination', path.join(folder, 'mlflow'), '--port', port, '--workers', '1']
  const started = await start(values.mlflow, args, (line) => (/startup complete/.test(line) ? `http://127.0.0.1:${port}` : undefined))
  return { ...started, name: 'mlflow server', urlOf: proxy(started.url) }
}

async function up(url: string, file: string): Promise<void> {
  const request = http.request(url, { method: 'PUT', headers: { 'content-length': fs.statSync(file).size } })
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  await pipeline(fs.createReadStream(file, { highWaterMark: 1 << 20 }), request)
  const [response] = await answered
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`)
}

async function down(url: string): Promise<void> {
  const [response] = (await once(http.get(url), 'response')) as [http.IncomingMessage]
  let received = 0
  response.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  await once(response, 'end')
  if (received !== megabytes << 20) throw new Error(`${url} answered ${response.statusCode} and ${received} bytes`)
}

/** Memory of a process and of those it started, where Linux tells it. */
function residentMb(pid: number): number {
  const own = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? '0'
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  return Number(own) / 1_024 + children.reduce((sum, child) => sum + residentMb(Number(child)), 0)
}
/** Time on a core so far, of a process and of those it started: what others do on the machine changes it little. */
function cpuSeconds(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)!.split(' ')
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  const own = (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_S
  return children.reduce((sum, child) => sum + cpuSeconds(Number(child)), own)
}

function read(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
}

async function timed(run: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await run()
  return megabytes / ((performance.now() - startedMs) / 1_000)
}

async function measure(peer: Peer, file: string, round: number): Promise<Measured> {
  const idleMb = residentMb(peer.pid)
  let peakMb = idleMb
  const sampling = setInterval(() => {
    peakMb = Math.max(peakMb, residentMb(peer.pid))
  }, 50)
  const url = peer.urlOf(`file-${round}.bin`)
  const beforeS = cpuSeconds(peer.pid)
  const upMbs = await timed(() => up(url, file))
  const betweenS = cpuSeconds(peer.pid)
  const downMbs = await timed(() => down(url))
  clearInterval(sampling)
  return { upMbs, downMbs, upCpuS: betweenS - beforeS, downCpuS: cpuSeconds(peer.pid) - betweenS, idleMb, peakMb }
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!

async function main(): Promise<void> {
  const peers: Peer[] = [await setpoint(), await plain(PLAIN), await plain('the same, flushed', 'flush')]
  try {
    const third = await mlflow().catch((error: Error) => void console.log(`without the proxy of MLflow: ${error.message.slice(0, 300)}`))
    if (third) peers.push(third)
    const results = new Map<string, Measured[]>(peers.map((peer) => [peer.name, []]))
    for (let round = 0; round < rounds; round++) {
      // New content each time, so that nobody has it already.
      const file = path.join(folder, 'source.bin')
      fs.writeFileSync(file, '')
      for (let i = 0; i < megabytes; i += 16) fs.appendFileSync(file, randomBytes(Math.min(16, megabytes - i) << 20))
      for (const peer of peers) results.get(peer.name)!.push(await measure(peer, file, round))
    }
    report(results)
  } finally {
    for (const peer of peers) await peer.stop()
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

function report(results: ReadonlyMap<string, readonly Measured[]>): void {
  const of = (name: string, pick: (one: Measured) => number) => median(results.get(name)!.map(pick))
  console.log(`${megabytes} MiB, ${rounds} rounds, medians\n`)
  const heads = [
    'server',
    'up, MiB/s',
    'down, MiB/s',
    'up, of plain',
    'down, of plain',
    'up, CPU s',
    'down, CPU s',
    'idle, MiB',
    'peak, MiB',
  ]
  console.log(`| ${heads.join(' | ')} |
|${' --- |'.repeat(heads.length)}`)
  for (const name of results.keys()) {
    const [upMbs, downMbs] = [of(name, (one) => one.upMbs), of(name, (one) => one.downMbs)]
    const ratios = [upMbs / of(PLAIN, (one) => one.upMbs), downMbs / of(PLAIN, (one) => one.downMbs)].map((ratio) => ratio.toFixed(2))
    const cpu = [of(name, (one) => one.upCpuS), of(name, (one) => one.downCpuS)].map((seconds) => seconds.toFixed(2))
    const memory = [results.get(name)![0]!.idleMb, Math.max(...results.get(name)!.map((one) => one.peakMb))].map((mb) => mb.toFixed(0))
    console.log(
      `| ${name} | ${upMbs.toFixed(0)} | ${downMbs.toFixed(0)} | ${ratios.join(' | ')} | ${cpu.join(' | ')} | ${memory.join(' | ')} |`,
    )
  }
}

await main()
