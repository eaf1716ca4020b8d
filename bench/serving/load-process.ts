import { runLoad } from '../../src/cli/load/engine.ts'
import { benchRows, FEATURES } from './model.ts'

// The load generator, in a process of its own. Takes its plan as JSON and prints the result as JSON.
type Plan = {
  readonly port: number
  readonly path: string
  readonly token?: string
  readonly rate?: number
  readonly connections: number
  readonly seconds: number
  readonly warmupSeconds: number
}

const ROWS = 512
const plan = JSON.parse(process.argv[2]!) as Plan
const requests = benchRows(ROWS).map((row) => {
  const body = JSON.stringify({ inputs: [{ name: 'features', shape: [1, FEATURES], datatype: 'FP32', data: row }] })
  const key = plan.token === undefined ? '' : `authorization: Bearer ${plan.token}\r\n`
  const head = `POST ${plan.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${key}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  return Buffer.from(head + body)
})
const result = await runLoad(
  {
    target: { host: '127.0.0.1', port: plan.port, secure: false },
    requests,
    rate: plan.rate,
    connections: plan.connections,
    warmupMs: plan.warmupSeconds * 1_000,
    durationMs: plan.seconds * 1_000,
    timeoutMs: 10_000,
  },
  { nowMs: () => performance.now() },
)
process.stdout.write(`${JSON.stringify(result)}\n`)
