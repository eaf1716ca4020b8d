import path from 'node:path'
import type { Command } from 'commander'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { exitCodes } from '../failures.ts'
import type { Finish } from '../operations/command.ts'
import { createProgress } from '../output/progress.ts'
import { jsonText } from '../output/reply.ts'
import type { Shell } from '../shell.ts'
import { createFolderSource } from './folder-source.ts'
import { countAll, importAll, type Tally, type Watcher } from './import.ts'
import { createServerSource } from './server-source.ts'
import { createTarget } from './target.ts'
import { createWire } from './wire.ts'

type Given = { dryRun?: boolean; sourceToken?: string; json?: boolean }

/** `setpoint runs import`: everything another MLflow server, or a folder of its file store, has. */
export function addImportCommand(runs: Command, shell: Shell, finish: Finish): void {
  const command = addConnectionOptions(addJsonOption(runs.command('import <from>')))
    .description('Bring experiments, runs, artifacts, models and versions from an mlruns folder or another MLflow server')
    .option('--dry-run', 'count what there is and write nothing')
    .option('--source-token <token>', 'key of the server it comes from')
    .addHelpText('after', HELP)
    .action(async (from: string) => {
      const given = command.opts<Given>()
      const remote = /^https?:\/\//.test(from)
      const source = remote
        ? createServerSource(createWire({ url: from.replace(/\/+$/, ''), token: given.sourceToken, send: shell.send }))
        : createFolderSource(path.resolve(shell.folder, from))
      const progress = createProgress(shell)
      const watcher: Watcher = {
        signal: shell.interrupted(),
        moved: (tally, now) => progress.update(undefined, `${tally.runs + tally.skipped} runs, ${tally.files} files · ${now}`),
      }
      const work = given.dryRun
        ? countAll(source, watcher)
        : importAll(source, createTarget(createWire(connectionOf(command, shell))), watcher)
      const tally = await work.finally(() => progress.end())
      await shell.terminal.out(given.json ? jsonText(tally) : tallyText(tally, given.dryRun ?? false))
      for (const problem of tally.problems) shell.terminal.note(`not as it was: ${problem}\n`)
      if (watcher.signal.aborted) shell.terminal.note('stopped; the same command goes on from here\n')
      if (tally.problems.length > 0 || watcher.signal.aborted) finish(exitCodes.no.code)
    })
}

const HELP = `
What an earlier import brought and checked is not brought again. Every metric is counted and every file compared by its
SHA-256 after it arrived. Runs get new ids; the old ones are in the tag setpoint.import.source.

Examples:
  $ setpoint runs import ./mlruns --dry-run
  $ setpoint runs import http://old-server:5000 --project risk`

function tallyText(tally: Tally, dryRun: boolean): string {
  const { experiments, runs, skipped, metricPoints, models, files, bytes, registeredModels, versions, aliases } = tally
  const lines = [
    `${dryRun ? 'would bring' : 'brought'} ${runs} runs of ${experiments} experiments, ${models} logged models, ${files} files${dryRun ? '' : ` (${bytes} bytes), ${metricPoints} points of metrics`}`,
    `${registeredModels} registered models with ${versions} versions and ${aliases} aliases`,
    ...(skipped > 0 ? [`${skipped} were here already`] : []),
  ]
  return `${lines.join('\n')}\n`
}
