import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type LoadPlan, runLoad } from '../../src/cli/load/engine.ts'

// How many requests a second the load generator itself can send and time, against a server that does nothing.
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' } } })
const MICROSECONDS = 1_000_000
const loops = [
  { connections: 16 },
  { connections: 64 },
  { connections: 256 },
  { connections: 64, rate: 10_000 },
  { connections: 64, rate: 40_000 },
]

const server = spawn(process.execPath, [path.join(import.meta.dirname, 'reply-server.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
const [port] = (await once(server.stdout, 'data')) as [Buffer]
const content = '{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[0.1,0.2,0.3,0.4]}]}'
const request = Buffer.from(
  `POST /v2/models/churn/infer HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer sp_none\r\ncontent-type: application/json\r\ncontent-length: ${content.length}\r\n\r\n${content}`,
)
const rows = []
for (const loop of loops) {
  const target = { host: '127.0.0.1', port: Number(port.toString()), secure: false }
  const plan: LoadPlan = {
    ...loop,
    target,
    requests: [request],
    warmupMs: 1_000,
    durationMs: Number(values.seconds) * 1_000,
    timeoutMs: 5_000,
  }
  const before = process.cpuUsage()
  const seconds = (plan.warmupMs + plan.durationMs) / 1_000
  const { sent, ok, achieved, latencyMs, sendDelayMs } = await runLoad(plan, { nowMs: () => performance.now() })
  const { user, system } = process.cpuUsage(before)
  rows.push({
    loop: loop.rate === undefined ? 'closed' : `open, ${loop.rate}/s`,
    connections: loop.connections,
    'requests/s': Math.round(achieved),
    failed: sent - ok,
    'p50 ms': latencyMs.p50,
    'p99 ms': latencyMs.p99,
    'late p99 ms': sendDelayMs.p99,
    // Of the load generator alone; what else runs on the machine hardly moves it.
    'per CPU s': Math.round((achieved * seconds * MICROSECONDS) / (user + system)),
  })
}
server.kill()
console.table(rows)
