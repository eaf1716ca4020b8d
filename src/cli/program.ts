import fs from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import type { Endpoint } from '../contract/endpoint.ts'
import { operations } from '../contract/operations.ts'
import { addBatchRunCommand } from './batch/command.ts'
import { addProfileCommands } from './connection/commands.ts'
import { addConnectionOptions } from './connection/options.ts'
import { addApplyCommands, addDeleteCommand } from './documents/changing.ts'
import { addExportCommand, addGetCommand } from './documents/reading.ts'
import { addCheckCommand } from './drift/check-command.ts'
import { addProfileCommand } from './drift/profile-command.ts'
import { exitCodes } from './failures.ts'
import { addImportCommand } from './import/command.ts'
import { addKserveCommand } from './kserve/command.ts'
import { addLoadCommand } from './load/command.ts'
import { addOperation, type Finish } from './operations/command.ts'
import { kebabCase } from './operations/fields.ts'
import { addReferenceCommands } from './reference/commands.ts'
import { addReplayCommand } from './replay/command.ts'
import { addServerCommands } from './server-commands.ts'
import type { Shell } from './shell.ts'
import { addSmokeCommand } from './smoke/command.ts'

/** What each module’s group of commands is for, in the order in which `--help` lists them. */
const groups = {
  access: 'Projects, API keys and sign-ins',
  documents: 'Documents by operation; see also apply, diff, get, delete and export',
  registry: 'Models, versions and aliases',
  experiments: 'What runs belong to',
  runs: 'Training runs: searched, compared, exported',
  artifacts: 'Files of runs and models, in folders',
  advise: 'Which serving mode fits a need, and why',
  deployments: 'What is served, and single predictions',
  batch: 'Partitions scored on a schedule, backfills and their predictions',
  streams: 'Events scored as they come, and embedded subjects to put them in and read them from',
  traces: 'What requests did, step by step, and what is said of them',
  evaluations: 'Data sets that applications are evaluated on, and scorers',
  telemetry: 'Traffic, latency and the newest predictions',
  labels: 'What turned out to be true, and the quality it shows',
  drift: 'Monitors, detections and reference profiles',
  estimates: 'Quality of traffic before its labels come, and whether scores are probabilities',
  triage: 'What is behind a detection, and how it was answered',
  objectives: 'Set points and their measured values',
  quarantine: 'Rows kept out of training',
  webhooks: 'Whom the registry tells of changes',
  gates: 'Offline proof of challengers',
  retraining: 'Trainings and their logs',
  rollouts: 'Shadows, canaries and rollbacks',
  loops: 'Runs of the loop and their approvals',
  incidents: 'Incidents and their timelines',
  alerts: 'Alerts and who is on them',
  ledger: 'The tamper-evident record of every change',
  activity: 'Domain events, past and live',
} as const satisfies Record<keyof typeof operations, string>

/** The whole command line: the sugar, then one group of commands a module, one command an operation. */
export function createProgram(shell: Shell, finish: Finish): Command {
  const { terminal } = shell
  const { version } = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }
  const program = new Command('setpoint')
    .description('Setpoint keeps models in production at the quality, latency and cost their owners set.')
    .version(version)
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out(text),
      writeErr: (text) => terminal.note(text),
      getOutHelpWidth: () => terminal.columns ?? 110,
      getErrHelpWidth: () => terminal.columns ?? 110,
    })
    .configureHelp({ subcommandTerm })
    .addHelpText('after', exitCodeText())
  addConnectionOptions(program)
  program.commandsGroup('Start here:')
  addServerCommands(program, shell, finish)
  program.commandsGroup('Declare:')
  addApplyCommands(program, shell, finish)
  addGetCommand(program, shell)
  addDeleteCommand(program, shell)
  addExportCommand(program, shell)
  addKserveCommand(program, shell)
  program.commandsGroup('Try:')
  addReplayCommand(program, shell, finish)
  addSmokeCommand(program, shell, finish)
  addLoadCommand(program, shell, finish)
  program.commandsGroup('Set up:')
  addProfileCommands(program, shell)
  addReferenceCommands(program, shell)
  program.commandsGroup('Operations:')
  for (const [module, contract] of Object.entries(operations)) {
    const group = program.command(kebabCase(module)).description(groups[module as keyof typeof groups])
    for (const [name, endpoint] of Object.entries(contract) as [string, Endpoint][])
      addOperation(group, module, name, endpoint, shell, finish)
    if (module === 'runs') addImportCommand(group, shell, finish)
    if (module === 'batch') addBatchRunCommand(group, shell, finish)
    if (module === 'drift') {
      addCheckCommand(group, shell, finish)
      addProfileCommand(group, shell)
    }
  }
  return program
}

/** Lists a command by its own usage where it has one, so that needed arguments show as needed. */
function subcommandTerm(command: Command): string {
  const usage = command.usage().replace('[options]', '').trim()
  return command.commands.length > 0 ? command.name() : `${command.name()} ${usage}`.trim()
}

function exitCodeText(): string {
  const lines = Object.values(exitCodes).map(({ code, meaning }) => `  ${code}  ${meaning}`)
  return `\nExit codes:\n${lines.join('\n')}\n\nData goes to standard output, everything else to standard error. NO_COLOR is respected.`
}
