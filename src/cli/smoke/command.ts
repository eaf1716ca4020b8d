import fs from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { messageFrom } from '../../contract/errors.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { exitCodes, usageError } from '../failures.ts'
import { numberBetween, secondsFrom } from '../load/plan.ts'
import type { Finish } from '../operations/command.ts'
import { jsonText, printTable } from '../output/reply.ts'
import { countFrom, numberFrom } from '../replay/values.ts'
import type { Shell } from '../shell.ts'
import { type Check, runSmoke } from './checks.ts'

type Given = { rounds: string; timeout: string; maxLatencyMs: string; row?: string[]; output?: string; json?: boolean }
type Report = {
  readonly endpoint: string
  readonly model: string
  readonly total: number
  readonly passed: number
  readonly failed: number
  readonly checks: readonly Check[]
}

const MOST_ROUNDS = 10_000

/** `setpoint smoke`: does a deployment answer as it should, and refuse what it should. */
export function addSmokeCommand(program: Command, shell: Shell, finish: Finish): void {
  const command = addConnectionOptions(addJsonOption(program.command('smoke')))
    .description('Check that a deployment answers and refuses as it should; exits 0 pass, 1 fail, 2 bad arguments')
    .argument('<deployment>', 'deployment that is asked')
    .option('--rounds <count>', 'predictions that are asked for and timed', '1')
    .option('--timeout <time>', 'a check without a reply for so long fails', '30')
    .option('--max-latency-ms <ms>', 'a prediction may take', '5000')
    .option('--row <name=value...>', 'the row that is sent; absent: 0.5 for each of the model’s features')
    .option('--output <file>', 'write the report there as JSON, too')
    .addHelpText('after', HELP)
    .action(async (deployment: string) => {
      const given = command.opts<Given>()
      const rounds = countFrom('--rounds', given.rounds)
      if (rounds > MOST_ROUNDS) throw usageError(`--rounds: at most ${MOST_ROUNDS} are made`)
      const plan = {
        deployment,
        row: given.row ? rowFrom(given.row) : null,
        rounds,
        timeoutMs: secondsFrom('--timeout', given.timeout, 0.001),
        maxLatencyMs: numberBetween('--max-latency-ms', given.maxLatencyMs, 0.001, 3_600_000),
      }
      const connection = connectionOf(command, shell)
      const checks = await runSmoke(plan, { connection, nowMs: () => performance.now() })
      const report = reportOf(connection.url, deployment, checks)
      if (given.output !== undefined) writeReport(path.resolve(shell.folder, given.output), report)
      await print(report, shell, given.json ?? false)
      if (report.failed > 0) finish(exitCodes.no.code)
    })
}

const HELP = `
Checks: the server and the deployment are ready; the metadata names its features; a prediction has every field and comes in
time; an unknown field and an unknown feature are refused with 400, a missing and a wrong key with 401. A check that does
not apply is skipped and not counted. The predictions are recorded like any other.

Examples:
  $ setpoint smoke phishing
  $ setpoint smoke phishing --url https://models.example --token "$KEY" --rounds 5 --max-latency-ms 200 --output smoke.json`

function rowFrom(words: readonly string[]): Record<string, number | null> {
  const entries = words.map((word): [string, number | null] => {
    const at = word.indexOf('=')
    const value = at < 1 ? undefined : numberFrom(word.slice(at + 1))
    if (value === undefined) throw usageError(`--row: "${word}" is not name=number`)
    return [word.slice(0, at), Number.isNaN(value) ? null : value]
  })
  return Object.fromEntries(entries)
}

function reportOf(endpoint: string, model: string, checks: readonly Check[]): Report {
  const count = (status: Check['status']) => checks.filter((check) => check.status === status).length
  return { endpoint, model, total: count('passed') + count('failed'), passed: count('passed'), failed: count('failed'), checks }
}

function writeReport(file: string, report: Report): void {
  try {
    fs.writeFileSync(file, jsonText(report))
  } catch (error) {
    throw usageError(`--output: ${file} cannot be written: ${messageFrom(error)}`, error)
  }
}

async function print(report: Report, shell: Shell, json: boolean): Promise<void> {
  if (json) return shell.terminal.out(jsonText(report))
  const rows = report.checks.map(({ status, name, reason }) => [status, name, reason])
  await printTable({ headings: ['status', 'check', 'reason'], rows }, shell)
  await shell.terminal.out(`\n${report.passed} of ${report.total} checks passed\n`)
}
