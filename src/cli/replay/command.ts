import path from 'node:path'
import type { Command } from 'commander'
import { createClient } from '../../contract/client.ts'
import { deployments } from '../../contract/deployments.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { exitCodes, usageError } from '../failures.ts'
import type { Finish } from '../operations/command.ts'
import { createProgress } from '../output/progress.ts'
import { jsonText, printTable } from '../output/reply.ts'
import type { Shell } from '../shell.ts'
import { featuresOf } from './inference.ts'
import { type ReplayPlan, type ReplayState, type ReplayWatcher, replayRows } from './replay.ts'
import { decileTable, progressText, reportOf, shareText, summaryText } from './report.ts'
import { lastAnswered, rowsToRetell } from './resume.ts'
import { checkColumns, openTable, readRows, type Table, type Wanted } from './rows.ts'
import { accuracyOf } from './scoreboard.ts'
import { countFrom, delayFrom, rateFrom } from './values.ts'

type Given = {
  data: string
  deployment: string
  label: string
  time?: string
  rate: string
  labelDelay: string
  from?: string
  resume?: boolean
  limit?: string
  features?: string
  json?: boolean
}

const LONGEST_PREFIX = 100

/** `setpoint replay`: a file of labelled rows through a real deployment, asked first and told the label later. */
export function addReplayCommand(program: Command, shell: Shell, finish: Finish): void {
  const command = addConnectionOptions(addJsonOption(program.command('replay')))
    .description('Replay a CSV or Parquet file through a deployment, each row asked first and its label told later')
    .requiredOption('--data <file>', 'rows in time order, .csv or .parquet')
    .requiredOption('--deployment <name>', 'deployment that answers')
    .requiredOption('--label <column>', 'column of the label, a number')
    .option('--time <column>', 'column of the time: rows must be in its order, and a delay in seconds counts in it')
    .option('--rate <rows|max>', 'rows a second', 'max')
    .option('--label-delay <delay>', 'when a label is told: after so many later rows, as 48, or seconds, as 30s', '0')
    .option('--from <row>', 'first row to ask; the row after the header is 1')
    .option('--resume', 'go on after the last row of this file that the deployment answered')
    .option('--limit <rows>', 'ask at most so many rows')
    .option('--features <columns>', 'columns of the model’s features, in the model’s order; its own names when absent')
    .addHelpText('after', HELP)
    .action(async () => {
      const given = command.opts<Given>()
      const connection = connectionOf(command, shell)
      const table = await openTable(given.data, shell.folder)
      const client = createClient(connection)
      const { spec } = await client.call(deployments.getDeployment, { deployment: given.deployment })
      const wanted = wantedFrom(given, await featuresOf(connection, given.deployment))
      checkColumns(table, wanted)
      const prefix = path.basename(given.data).slice(0, LONGEST_PREFIX)
      const before = given.resume ? await lastAnswered(client, given.deployment, prefix) : undefined
      const plan = planFrom(given, table, { prefix, before, rowsPerRequest: spec.limits.rowsPerRequest })
      if (given.resume)
        shell.terminal.note(
          before === undefined ? 'no row of this file was answered before; starting at row 1\n' : `going on at row ${plan.from}\n`,
        )
      const rows = readRows(table, wanted, Math.max(1, plan.from - Math.max(1, plan.retell)))
      const state = await watched(plan, shell, (watcher) => replayRows(plan, rows, connection, shell, watcher))
      await printReport(plan, state, shell, given.json ?? false)
      if (state.interrupted) finish(exitCodes.no.code)
    })
}

const HELP = `
Rows are asked in order, one request at a time; request ids are <file>-<row>. The row's answer counts as right when it equals
its label; the table at the end also shows what predicting the previous row's label would have got right.

Examples:
  $ setpoint replay --data elec.csv --deployment elec2 --label class --from 4532 --rate 500 --label-delay 48
  $ setpoint replay --data trips.parquet --deployment trips --label late --time pickup --label-delay 3600s --json`

function wantedFrom({ features, label, time }: Given, names: readonly string[]): Wanted {
  const chosen = features?.split(',').map((name) => name.trim()) ?? names
  if (chosen.length !== names.length)
    throw usageError(`--features names ${chosen.length} columns; the model takes ${names.length}: ${names.join(', ')}`)
  return { features: chosen, label, ...(time === undefined ? {} : { time }) }
}

function planFrom(given: Given, table: Table, known: { prefix: string; before: number | undefined; rowsPerRequest: number }): ReplayPlan {
  if (given.resume && given.from !== undefined) throw usageError('--resume finds its own first row; leave --from out')
  const from = given.from === undefined ? (known.before ?? 0) + 1 : countFrom('--from', given.from)
  if (from > table.rows)
    throw usageError(
      given.resume ? `all ${table.rows} rows were answered before; nothing is left` : `--from: the file has ${table.rows} rows`,
    )
  const delay = delayFrom(given.labelDelay)
  return {
    deployment: given.deployment,
    prefix: known.prefix,
    rowsOfFile: table.rows,
    from,
    to: given.limit === undefined ? table.rows : Math.min(table.rows, from - 1 + countFrom('--limit', given.limit)),
    retell: known.before === undefined ? 0 : Math.min(from - 1, rowsToRetell(delay)),
    rate: rateFrom(given.rate),
    delay,
    timed: given.time !== undefined && delay.kind === 'seconds',
    rowsPerRequest: known.rowsPerRequest,
  }
}

/** Shows how far the replay has come; when it fails, how to go on. */
async function watched(plan: ReplayPlan, shell: Shell, run: (watcher: ReplayWatcher) => Promise<ReplayState>): Promise<ReplayState> {
  const progress = createProgress(shell)
  let last = plan.from - 1
  try {
    return await run({
      moved(state) {
        last = state.last
        progress.update((last - plan.from + 1) / (plan.to - plan.from + 1), progressText(plan, state, shell.now()))
      },
      decileDone(state, number) {
        const decile = state.scoreboard.deciles[number - 1]!
        progress.end()
        shell.terminal.note(
          `decile ${number}: ${decile.rows} rows, accuracy ${shareText(accuracyOf(decile))}, champion version ${decile.champion ?? '–'}\n`,
        )
      },
    })
  } catch (error) {
    if (last >= plan.from) shell.terminal.note(`rows ${plan.from} to ${last} were answered; go on with --resume\n`)
    throw error
  } finally {
    progress.end()
  }
}

async function printReport(plan: ReplayPlan, state: ReplayState, shell: Shell, json: boolean): Promise<void> {
  const report = reportOf(plan, state, shell.now())
  if (state.interrupted) shell.terminal.note('stopped; go on with --resume\n')
  if (json) return shell.terminal.out(jsonText(report))
  await printTable(decileTable(report), shell)
  await shell.terminal.out(`\n${summaryText(report)}`)
}
