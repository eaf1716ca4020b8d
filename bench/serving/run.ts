import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { LoadResult } from '../../src/cli/load/tally.ts'
import { benchModel } from './model.ts'
import { type Subject, type SubjectName, startSubject } from './subjects.ts'

// `npm run bench -- serving`: the same rows, sent by the same generator, to each server in turn. See README.md.
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', multiple: true },
    soak: { type: 'string' },
  },
})
const PEERS: readonly SubjectName[] = ['FastAPI', 'MLServer', 'BentoML']
const OPEN_RATES = [2_300, 5_000]
const seconds = Number(options.seconds)
const connections = Number(options.connections)
const modelFile = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'serving-model-')), 'trees.onnx')
fs.writeFileSync(modelFile, benchModel())

const wanted = (name: SubjectName) => options.only === undefined || options.only.includes(name)
console.log(
  `${os.availableParallelism()} cores, shared with the load generator; ${connections} connections; ${seconds} s after a warm-up; one row of 30 features a request\n`,
)
if (options.soak !== undefined) await soak(Number(options.soak))
else await compare()

type Shape = { readonly seconds: number; readonly rate?: number; readonly connections?: number; readonly warmupSeconds?: number }

function load(subject: Subject, { seconds, rate, connections: own = connections, warmupSeconds = 5 }: Shape): LoadResult {
  const plan = { port: subject.port, path: subject.path, token: subject.token, rate, connections: own, seconds, warmupSeconds }
  const run = spawnSync(process.execPath, [path.join(import.meta.dirname, 'load-process.ts'), JSON.stringify(plan)], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`the load generator failed: ${run.stderr}`)
  return JSON.parse(run.stdout) as LoadResult
}

async function compare(): Promise<void> {
  const rows: Row[] = []
  const closed = new Map<SubjectName, LoadResult>()
  const note = (name: string, kind: string, result: LoadResult) => {
    rows.push({ name, kind, result })
    console.log(lineOf(rows.at(-1)!))
  }
  for (const name of ['bare node:http', ...PEERS] as const) {
    if (!wanted(name)) continue
    const best = await bestOf(name)
    closed.set(name, best.result)
    note(name, `closed loop, ${best.workers} process(es)`, best.result)
  }
  if (!wanted('Setpoint')) return
  const setpoint = await startSubject('Setpoint', modelFile, 1)
  try {
    const own = load(setpoint, { seconds: Math.max(seconds, 60) })
    note('Setpoint', 'closed loop', own)
    for (const rate of OPEN_RATES) note('Setpoint', `open loop at ${rate}/s`, load(setpoint, { seconds, rate }))
    for (const [name, peer] of closed) {
      if (name === 'bare node:http') {
        console.log(`\nshare of the bare limit: ${((own.achieved / peer.achieved) * 100).toFixed(0)} %`)
        continue
      }
      const rate = Math.floor(peer.achieved)
      const same = load(setpoint, { seconds, rate })
      note('Setpoint', `open loop at the best rate of ${name}, ${rate}/s`, same)
      const [faster, shorter] = [own.achieved / peer.achieved, peer.latencyMs.p99! / same.latencyMs.p99!]
      console.log(`  against ${name}: ${faster.toFixed(1)} x its throughput; its p99 is ${shorter.toFixed(1)} x ours at its rate`)
    }
  } finally {
    await setpoint.stop()
  }
}

/** A peer with one process and with two, as its users would try: the better counts. */
async function bestOf(name: SubjectName): Promise<{ workers: number; result: LoadResult }> {
  const tried = []
  for (const workers of name === 'bare node:http' ? [1] : [1, 2]) {
    const subject = await startSubject(name, modelFile, workers)
    try {
      tried.push({ workers, result: load(subject, { seconds }) })
    } finally {
      await subject.stop()
    }
  }
  return tried.sort((a, b) => b.result.achieved - a.result.achieved)[0]!
}

/** Many requests, and the memory of the whole process group after each million. */
async function soak(requests: number): Promise<void> {
  const setpoint = await startSubject('Setpoint', modelFile, 1)
  try {
    for (let done = 0, errors = 0; done < requests; ) {
      const result = load(setpoint, { seconds: 30, warmupSeconds: 0 })
      done += result.ok
      errors += result.errors.connection + result.errors.status + result.errors.timeout + result.shed
      console.log(
        `${(done / 1e6).toFixed(2)} million answered, ${errors} not; ${Math.round(result.achieved)}/s; server ${residentMiB(setpoint.pid)} MiB, with its store ${groupMiB(setpoint.pid)} MiB`,
      )
    }
  } finally {
    await setpoint.stop()
  }
}

function residentMiB(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024)
}

function groupMiB(pid: number): number {
  const lines = execFileSync('ps', ['-e', '-o', 'pgid=,rss='], { encoding: 'utf8' }).trim().split('\n')
  const sizes = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]).filter(([group]) => group === pid)
  return Math.round(sizes.reduce((sum, [, size]) => sum + size, 0) / 1_024)
}

type Row = { readonly name: string; readonly kind: string; readonly result: LoadResult }

function lineOf({ name, kind, result }: Row): string {
  const ms = (value: number | null) => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 0))
  const { p50, p99, p999, max } = result.latencyMs
  const failed = result.errors.connection + result.errors.status + result.errors.timeout
  return `| ${name} | ${kind} | ${Math.round(result.achieved)}/s | ${ms(p50)} | ${ms(p99)} | ${ms(p999)} | ${ms(max)} | ${failed} | ${result.shed} |`
}
