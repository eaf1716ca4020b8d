import type { Command } from 'commander'
import { type BatchRun, batch } from '../../contract/batch.ts'
import { type Client, createClient } from '../../contract/client.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { exitCodes } from '../failures.ts'
import type { Finish } from '../operations/command.ts'
import { createProgress } from '../output/progress.ts'
import { printReply } from '../output/reply.ts'
import type { Shell } from '../shell.ts'

type Given = { ds: string; force?: boolean; reason?: string; json?: boolean }

/** How often a run that is waited for is asked after. */
const ASK_EVERY_MS = 500

/** `setpoint batch run`: starts a run and waits for its end, with its progress on the way. */
export function addBatchRunCommand(group: Command, shell: Shell, finish: Finish): void {
  const command = addConnectionOptions(addJsonOption(group.command('run <batch>')))
    .description('Score a partition and wait until it is done; Ctrl-C stops the waiting, not the run')
    .requiredOption('--ds <day>', 'the partition, such as 2026-11-20')
    .option('--force', 'make it again although these predictions exist')
    .option('--reason <text>', 'why')
    .addHelpText('after', '\nExamples:\n  $ setpoint batch run churn-nightly --ds 2026-11-20')
    .action(async (name: string) => {
      const { ds, force, reason, json } = command.opts<Given>()
      const client = createClient(connectionOf(command, shell))
      const { action, run } = await client.call(batch.startRun, { batch: name, ds, ...(force && { force }), ...(reason && { reason }) })
      if (action === 'keep') shell.terminal.note(`these predictions exist; --force makes them again\n`)
      const done = await waitFor(client, run!, shell)
      await printReply(done, batch.getRun, shell, json === true)
      if (done.endedAt === null) shell.terminal.note(`stopped waiting; see "setpoint batch get-run ${name} ${done.id}"\n`)
      if (done.state !== 'succeeded') finish(exitCodes.no.code)
    })
}

async function waitFor(client: Client, started: BatchRun, shell: Shell): Promise<BatchRun> {
  const progress = createProgress(shell)
  const stopped = shell.interrupted()
  let run = started
  try {
    while (run.endedAt === null && !stopped.aborted) {
      const share = run.chunks === 0 ? undefined : run.chunksDone / run.chunks
      progress.update(share, `${run.step ?? run.state} · ${run.rowsOut} rows`)
      await shell.pause(ASK_EVERY_MS, stopped)
      run = await client.call(batch.getRun, { batch: run.batch, id: run.id })
    }
  } finally {
    progress.end()
  }
  return run
}
