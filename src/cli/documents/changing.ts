import { type Command, Option } from 'commander'
import { type Change, documents } from '../../contract/documents.ts'
import { clientOf } from '../connection/options.ts'
import { exitCodes } from '../failures.ts'
import { textOf } from '../input.ts'
import type { Finish } from '../operations/command.ts'
import { jsonText, printTable } from '../output/reply.ts'
import { scalarText } from '../output/text.ts'
import type { Shell } from '../shell.ts'
import { kindFrom, readManifests } from './files.ts'
import { leaf } from './leaf.ts'

/** `apply` and `diff`: files against what is declared. */
export function addApplyCommands(program: Command, shell: Shell, finish: Finish): void {
  const files = () => new Option('-f, --file <path...>', 'files or folders of YAML or JSON; - reads standard input').makeOptionMandatory()
  const apply = leaf(
    program,
    'apply',
    'Apply documents from files, all or none',
    'setpoint apply -f setpoint/ --reason "lower threshold"',
    'setpoint apply -f deployment.yaml --dry-run',
  )
    .addOption(files())
    .option('--reason <text>', 'why, for the ledger')
    .option('--dry-run', 'say what would change and change nothing')
    .action(async (given: { file: string[]; reason?: string; dryRun?: boolean; json?: boolean }) => {
      const changes = await send(shell, apply, given, given.dryRun ?? false)
      await printChanges(shell, changes, given.json ?? false, given.dryRun ?? false)
    })

  const diff = leaf(program, 'diff', 'Show what an apply would change; exits 1 when it would change anything', 'setpoint diff -f setpoint/')
    .addOption(files())
    .action(async (given: { file: string[]; json?: boolean }) => {
      const changes = await send(shell, diff, given, true)
      await printChanges(shell, changes, given.json ?? false, true)
      if (changes.some(({ change }) => change !== 'unchanged')) finish(exitCodes.no.code)
    })
}

/** `delete`: out of force, and still readable. */
export function addDeleteCommand(program: Command, shell: Shell): void {
  const remove = leaf(
    program,
    'delete',
    'Take a document out of force; its versions stay readable',
    'setpoint delete alert phishing-loop --reason "replaced"',
  )
    .argument('<kind>')
    .argument('<name>')
    .option('--reason <text>', 'why, for the ledger')
    .action(async (kind: string, name: string, given: { reason?: string; json?: boolean }) => {
      const change = await clientOf(remove, shell).call(documents.delete, {
        kind: kindFrom(kind),
        name,
        ...(given.reason ? { reason: given.reason } : {}),
      })
      await printChanges(shell, [change], given.json ?? false, false)
    })
}

async function send(shell: Shell, command: Command, given: { file: string[]; reason?: string }, dryRun: boolean): Promise<Change[]> {
  const manifests = readManifests(given.file, shell.folder, given.file.includes('-') ? await textOf(shell.input) : '')
  return clientOf(command, shell).call(documents.apply, {
    documents: manifests,
    dryRun,
    ...(given.reason ? { reason: given.reason } : {}),
  })
}

/** Each document with what became of it, then the fields that differ. */
async function printChanges(shell: Shell, changes: readonly Change[], json: boolean, dryRun: boolean): Promise<void> {
  if (json) return shell.terminal.out(jsonText(changes))
  await printTable(
    {
      headings: ['kind', 'name', dryRun ? 'would be' : 'change', 'version'],
      rows: changes.map((one) => [one.kind, one.name, one.change, String(one.version)]),
    },
    shell,
  )
  for (const { kind, name, change, fields } of changes)
    if (change === 'updated')
      await shell.terminal.out(`\n${kind} ${name}\n${fields.map((field) => fieldLine(field, shell.now())).join('')}`)
}

function fieldLine({ path: where, before, after }: Change['fields'][number], nowMs: number): string {
  return `  ${where}: ${scalarText('', before, nowMs)} → ${scalarText('', after, nowMs)}\n`
}
