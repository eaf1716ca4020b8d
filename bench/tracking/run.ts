import { parseArgs } from 'node:util'
import { tableOf } from '../drift/table.ts'
import { disconnect } from './client.ts'
import { fill } from './fill.ts'
import { logBatches, SEARCH_LIMIT_MS, type Search, searches, timeHistory, timeSearch } from './measures.ts'
import { type ServerKind, startServer } from './servers.ts'

const usage = `Measures tracking beside the reference server, both on SQLite, started here.
  node bench/tracking/run.ts [--runs 100000] [--clients 16] [--seconds 10] [--alone]
--runs      how many runs of 20 metrics are searched
--alone     without the reference server
SETPOINT_BENCH_PYTHON names a Python with mlflow; without it an environment is made, which takes minutes.`

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '16' },
    seconds: { type: 'string', default: '10' },
    alone: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(usage)
else await run(Number(values.runs), Number(values.clients), Number(values.seconds), values.alone)

type Measured = { batches: { perSecond: number; refused: number }; historyMs: number; searchMs: number[]; found: string[][] }

async function run(runs: number, clients: number, seconds: number, alone: boolean): Promise<void> {
  const own = await measure('Setpoint', { runs, clients, seconds, repeats: 15 })
  const other = alone ? undefined : await measure('mlflow server', { runs, clients, seconds, repeats: 3 })
  disconnect()
  const row = (what: string, ours: number, theirs: number | undefined, unit: string, higherIsBetter = false) => {
    if (theirs === undefined) return [what, `${figure(ours)} ${unit}`, '', '']
    if (!Number.isFinite(theirs))
      return [what, `${figure(ours)} ${unit}`, `over ${SEARCH_LIMIT_MS} ms`, `over ${figure(SEARCH_LIMIT_MS / ours)} ×`]
    return [what, `${figure(ours)} ${unit}`, `${figure(theirs)} ${unit}`, `${figure(higherIsBetter ? ours / theirs : theirs / ours)} ×`]
  }
  console.log(
    tableOf(
      ['measure', 'Setpoint', 'mlflow server', 'better by'],
      [
        row(`log_batch of 100 metrics, ${clients} clients`, own.batches.perSecond, other?.batches.perSecond, 'batches/s', true),
        row('history of 10,000 points', own.historyMs, other?.historyMs, 'ms'),
        ...searches.map(({ name }, i) => row(`${runs} runs: ${name}`, own.searchMs[i]!, other?.searchMs[i], 'ms')),
      ],
    ),
  )
  if (other) {
    console.log(`\nbatches refused: ${own.batches.refused} by Setpoint, ${other.batches.refused} by mlflow server`)
    compare(searches, own.found, other.found)
  }
}

type Options = { runs: number; clients: number; seconds: number; repeats: number }

async function measure(kind: ServerKind, { runs, clients, seconds, repeats }: Options): Promise<Measured> {
  const server = await startServer(kind, (file) => fill(kind, file, runs))
  try {
    const searchMs: number[] = []
    const found: string[][] = []
    for (const search of searches) {
      const { ms, ids } = await timeSearch(server, search, repeats)
      searchMs.push(ms)
      found.push(ids)
    }
    const historyMs = await timeHistory(server.url, repeats)
    return { batches: await logBatches(server.url, clients, seconds), historyMs, searchMs, found }
  } finally {
    await server.stop()
  }
}

/** Both must have found the same runs in the same order, or the times compare nothing. */
function compare(asked: readonly Search[], ours: readonly string[][], theirs: readonly string[][]): void {
  for (const [i, { name }] of asked.entries())
    if (theirs[i]!.length > 0 && JSON.stringify(ours[i]) !== JSON.stringify(theirs[i])) {
      console.error(`the answers to "${name}" differ`)
      process.exitCode = 1
    }
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
