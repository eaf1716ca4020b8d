import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startServer } from '../../examples/phishing/demo/server.ts'
import { createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { framed } from '../../src/infra/grpc/frames.ts'
import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { bytesField, joined, messageField, packedIntegers, textField } from '../../src/lib/protobuf/wire-writer.ts'
import { createRandom } from '../../src/lib/random.ts'
import { tableOf } from '../drift/table.ts'

const usage = `Unary ModelInfer calls, one row of 30 floats each, against a model of 100 trees of depth 6; the server is started here, as a
process of its own, with key check, admission, records to disk and telemetry on. The load comes from this process, in a closed
loop over raw HTTP/2. Before it the same load goes to a bare server of HTTP/2 that answers the same number of bytes and does
nothing else: the limit on this machine at this moment.
  node bench/grpc/run.ts [--connections 4] [--calls 64] [--seconds 10]`
const FEATURES = 30
const TREES = 100
const DEPTH = 6
const WARM_MS = 3_000
/** Linux counts processor time in hundredths of a second. */
const TICK_US = 10_000

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '4' },
    calls: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '10' },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(usage)
else await run(Number(values.connections), Number(values.calls), Number(values.seconds))

async function run(connections: number, calls: number, seconds: number): Promise<void> {
  const port = await freePort()
  const load = { port, connections, calls, seconds }
  const bare = spawn(process.execPath, [path.join(import.meta.dirname, 'bare-server.ts'), String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(bare.stdout, 'data')
  const limit = await measure({ ...load, token: '', pid: bare.pid! })
  bare.kill()
  await once(bare, 'exit')
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-bench-grpc-'))
  const server = await startServer(data, { environment: { SETPOINT_GRPC_PORT: String(port) } })
  try {
    await deploy(createClient({ url: server.url, token: server.token }))
    const own = await measure({ ...load, token: server.token, pid: server.process.pid! })
    const share = `${((own.perSecond / limit.perSecond) * 100).toFixed(0)} %`
    console.log(
      tableOf(
        [
          `unary calls, ${calls} at once`,
          'calls/s',
          'server CPU µs a call',
          'p50 ms',
          'p99 ms',
          'p99.9 ms',
          'not answered',
          'of the limit',
        ],
        [
          ['bare HTTP/2 server', ...limit.figures, ''],
          ['Setpoint', ...own.figures, share],
        ],
      ),
    )
  } finally {
    await server.stop()
    fs.rmSync(data, { recursive: true, force: true })
  }
}

type Load = { port: number; connections: number; calls: number; seconds: number; token: string; pid: number }

/** Processor time that a process has used, all of its threads, in microseconds; NaN where the system does not say. */
function cpuUsOf(pid: number): number {
  const file = `/proc/${pid}/stat`
  if (!fs.existsSync(file)) return Number.NaN
  const fields = fs.readFileSync(file, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

async function measure({ port, connections, calls, seconds, token, pid }: Load) {
  const sessions = Array.from({ length: connections }, () => http2.connect(`http://127.0.0.1:${port}`))
  await closedLoop(sessions, token, calls, WARM_MS)
  const cpuUs = cpuUsOf(pid)
  const { tookMs, wrong, elapsedMs } = await closedLoop(sessions, token, calls, seconds * 1_000)
  const spentUs = cpuUsOf(pid) - cpuUs
  for (const session of sessions) session.close()
  tookMs.sort()
  const at = (share: number) => tookMs[Math.min(tookMs.length - 1, Math.floor(share * tookMs.length))]!.toFixed(2)
  const perSecond = tookMs.length / (elapsedMs / 1_000)
  return { perSecond, figures: [perSecond.toFixed(0), (spentUs / tookMs.length).toFixed(0), at(0.5), at(0.99), at(0.999), String(wrong)] }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function deploy(client: ReturnType<typeof createClient>): Promise<void> {
  const random = createRandom('bench')
  const trees = Array.from({ length: TREES }, () => randomTree(random.int, random.normal))
  const file = treeModel({ producer: { name: 'bench', version: '1' }, features: FEATURES }, trees, 0)
  const { digest } = await client.call(registry.uploadArtifact, { body: file as never })
  const features = Array.from({ length: FEATURES }, (_, i) => `f${i}`)
  await client.call(registry.registerVersion, { model: 'trees', artifact: digest, features, alias: 'champion' })
  const limits = { concurrency: 100_000, queueMs: 60_000 }
  await client.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'Deployment', metadata: { name: 'trees' }, spec: { model: 'trees', limits } }],
  })
}

function randomTree(int: (below: number) => number, normal: () => number): Tree {
  const size = 2 ** (DEPTH + 1) - 1
  const inner = 2 ** DEPTH - 1
  const over = (of: (node: number) => number) => Array.from({ length: size }, (_, node) => of(node))
  return {
    feature: Int32Array.from(over((node) => (node < inner ? int(FEATURES) : -1))),
    threshold: Float32Array.from(over(normal)),
    left: Int32Array.from(over((node) => (node < inner ? 2 * node + 1 : 0))),
    right: Int32Array.from(over((node) => (node < inner ? 2 * node + 2 : 0))),
    value: Float32Array.from(over(() => normal() / 10)),
  }
}

/** Keeps `calls` under way for a while; answers how long each took and how many had another status than OK. */
function closedLoop(sessions: readonly http2.ClientHttp2Session[], token: string, calls: number, forMs: number) {
  const random = createRandom('rows')
  const frames = Array.from({ length: 512 }, () => framed([requestOf(Float32Array.from({ length: FEATURES }, random.normal))]))
  const took: number[] = []
  let wrong = 0
  let sent = 0
  const startedMs = performance.now()
  const one = (): Promise<void> => {
    const atMs = performance.now()
    return new Promise((resolve) => {
      const stream = sessions[sent % sessions.length]!.request({
        ':method': 'POST',
        ':path': '/inference.GRPCInferenceService/ModelInfer',
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: `Bearer ${token}`,
      })
      let status = ''
      stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? status)))
      stream.on('trailers', (headers) => (status = String(headers['grpc-status'])))
      stream.on('error', () => {})
      stream.on('close', () => {
        if (status === '0') took.push(performance.now() - atMs)
        else wrong += 1
        resolve()
      })
      stream.resume()
      stream.end(frames[sent++ % frames.length])
    })
  }
  const lane = async () => {
    while (performance.now() - startedMs < forMs) await one()
  }
  return Promise.all(Array.from({ length: calls }, lane)).then(() => ({
    tookMs: Float64Array.from(took),
    wrong,
    elapsedMs: performance.now() - startedMs,
  }))
}

function requestOf(row: Float32Array<ArrayBuffer>): Uint8Array {
  return joined([
    textField(1, 'trees'),
    messageField(5, [textField(1, 'features'), textField(2, 'FP32'), packedIntegers(3, [1, row.length])]),
    bytesField(7, new Uint8Array(row.buffer)),
  ])
}
