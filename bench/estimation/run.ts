import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { tableOf } from '../drift/table.ts'
import { classified, type Judgement, regressed } from './judge.ts'
import { adultTasks, bikeTask, elec2Task, plantedRegression, plantedTasks, type Task } from './tasks.ts'

const usage = `Holds estimates of performance without labels against what came true.
  npm run bench -- estimation [--nannyml PYTHON] [--data FOLDER]
--nannyml  a Python with NannyML, to run its CBPE and DLE on the same chunks; left out if not given
--data     where elec2, uci-adult and uci-bike-sharing lie; ../shared/datasets if not given, and what is not there is left out`

const root = path.resolve(import.meta.dirname, '../..')
const { values } = parseArgs({
  options: {
    nannyml: { type: 'string' },
    data: { type: 'string', default: path.join(root, '../shared/datasets') },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(usage)
else run(values.data, values.nannyml)

function run(data: string, python: string | undefined): void {
  const elec2 = elec2Task(data)
  const tasks = [...plantedTasks(1, 20), ...adultTasks(data), ...(elec2 ? [elec2] : [])]
  const bike = bikeTask(data)
  const regressions = [plantedRegression(1, 20), ...(bike ? [bike] : [])]
  const peer = peerOf(python, tasks, regressions)
  const judged = tasks.map((task) => classified(task, peer?.estimates[task.name] ?? null))
  const measured = regressions.map((task) => regressed(task, peer?.estimates[task.name] ?? null))
  const name = `NannyML ${peer?.version ?? ''}`.trim()
  for (const metric of ['accuracy', 'roc_auc', 'f1'])
    console.log(`## Mean absolute error of the estimated ${metric}\n\n${errorTable(judged, metric, name, ['cbpe', 'adaptive'])}\n`)
  for (const metric of ['mae', 'rmse'])
    console.log(`## Mean absolute error of the estimated ${metric}\n\n${errorTable(measured, metric, name, ['dle'])}\n`)
  console.log(`## Intervals, abstention and false confidence\n\n${confidenceTable([...judged, ...measured])}`)
}

type Peer = { readonly version: string; readonly estimates: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> }

function peerOf(python: string | undefined, tasks: readonly Task[], regressions: readonly Task[]): Peer | null {
  if (python === undefined) {
    console.error('NannyML is left out: name a Python that has it with --nannyml')
    return null
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'estimation-bench-'))
  try {
    const file = path.join(folder, 'tasks.json')
    const plain = (regression: boolean) => (task: Task) => ({ ...task, regression })
    const list = [...tasks.map(plain(false)), ...regressions.map(plain(true))]
    writeFileSync(
      file,
      JSON.stringify(list, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value)),
    )
    const out = execFileSync(python, [path.join(import.meta.dirname, 'peers.py'), file], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return JSON.parse(out.trim().split('\n').at(-1)!) as Peer
  } catch (cause) {
    console.error(`NannyML is left out, since it failed: ${String(cause).trim().split('\n').slice(-2).join(' ')}`)
    return null
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function shown(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(4)
}

function errorTable(judged: readonly Judgement[], metric: string, peer: string, own: readonly string[]): string {
  return tableOf(
    ['task', 'chunks', ...own, `${peer}, on those`, 'dummy, on those', `${peer}, on all`, 'dummy, on all'],
    judged.map(({ task, chunks, errors }) => [
      task,
      chunks,
      ...[...own, 'peerOnOurs', 'dummyOnOurs', 'peer', 'dummy'].map((of) => shown(errors[metric]?.[of])),
    ]),
  )
}

function confidenceTable(judged: readonly Judgement[]): string {
  const percent = (part: number, whole: number) => (whole === 0 ? '–' : `${Math.round((100 * part) / whole)} %`)
  return tableOf(
    [
      'task',
      'method',
      'chunks',
      'abstained',
      'intervals that held',
      'flagged by early labels',
      'missed and not flagged',
      'verdict when all labels came',
    ],
    judged.flatMap(({ task, chunks, confidence }) =>
      confidence.map(({ method, abstained, held, flagged, falselySure, verdict }) => [
        task,
        method,
        chunks,
        abstained,
        percent(held, chunks - abstained),
        flagged,
        falselySure,
        verdict,
      ]),
    ),
  )
}
