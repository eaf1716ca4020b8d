import fs from 'node:fs'
import path from 'node:path'
import { type Command, Option } from 'commander'
import { type Change, documents } from '../../contract/documents.ts'
import { addConnectionOptions, addJsonOption, clientOf } from '../connection/options.ts'
import { exitCodes, usageError } from '../failures.ts'
import { textOf } from '../input.ts'
import type { Finish } from '../operations/command.ts'
import { jsonText, printReply, printTable } from '../output/reply.ts'
import { scalarText } from '../output/text.ts'
import type { Shell } from '../shell.ts'
import { kindFrom, readManifests } from './files.ts'
import { fileNameOf, yamlFrom, yamlStream } from './yaml.ts'

/** `apply`, `diff`, `get`, `delete` and `export`: what a person declares, as files. */
export function addDocumentCommands(program: Command, shell: Shell, finish: Finish): void {
  const files = () => new Option('-f, --file <path...>', 'files or folders of YAML or JSON; - reads standard input').makeOptionMandatory()
  const examples = (...lines: string[]) => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
  const leaf = (name: string, summary: string, ...lines: string[]) =>
    addConnectionOptions(
      addJsonOption(
        program
          .command(name)
          .description(summary)
          .addHelpText('after', examples(...lines)),
      ),
    )

  const apply = leaf(
    'apply',
    'Apply documents from files, all or none',
    'setpoint apply -f setpoint/ --reason "lower threshold"',
    'setpoint apply -f deployment.yaml --dry-run',
  )
    .addOption(files())
    .option('--reason <text>', 'why, for the ledger')
    .option('--dry-run', 'say what would change and change nothing')
    .action(async (given: { file: string[]; reason?: string; dryRun?: boolean; json?: boolean }) => {
      const changes = await send(apply, given, given.dryRun ?? false)
      await printChanges(changes, given.json ?? false, given.dryRun ?? false)
    })

  const diff = leaf('diff', 'Show what an apply would change; exits 1 when it would change anything', 'setpoint diff -f setpoint/')
    .addOption(files())
    .action(async (given: { file: string[]; json?: boolean }) => {
      const changes = await send(diff, given, true)
      await printChanges(changes, given.json ?? false, true)
      if (changes.some(({ change }) => change !== 'unchanged')) finish(exitCodes.no.code)
    })

  const get = leaf(
    'get',
    'Read what is declared: everything, one kind, or one document',
    'setpoint get',
    'setpoint get monitors',
    'setpoint get deployment phishing --version 2',
  )
    .argument('[kind]')
    .argument('[name]')
    .option('--version <number>', 'an earlier version of the one document')
    .addOption(new Option('-o <format>', 'print documents in this form').choices(['yaml', 'json']))
    .action(async (kind: string | undefined, name: string | undefined, given: { version?: string; o?: string; json?: boolean }) => {
      const json = given.json ?? given.o === 'json'
      if (given.version !== undefined && name === undefined) throw usageError('--version needs a kind and a name')
      if (kind === undefined || name === undefined) return printList(kind, json, given.o === 'yaml')
      const input = { kind: kindFrom(kind), name, ...(given.version === undefined ? {} : { version: given.version }) }
      const document = await clientOf(get, shell).call(documents.get, input)
      await shell.terminal.out(json ? jsonText(document) : yamlFrom(document))
    })

  const remove = leaf(
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
      await printChanges([change], given.json ?? false, false)
    })

  const exported = addConnectionOptions(program.command('export').description('Write every document as YAML that applies unchanged'))
    .option('-o <folder>', 'one file a document in this folder, instead of one stream')
    .addHelpText('after', examples('setpoint export -o backup/', 'setpoint export > everything.yaml'))
    .action(async (given: { o?: string }) => {
      const all = await clientOf(exported, shell).call(documents.list, {})
      if (given.o === undefined) return shell.terminal.out(yamlStream(all))
      const folder = path.resolve(shell.folder, given.o)
      fs.mkdirSync(folder, { recursive: true })
      for (const document of all) fs.writeFileSync(path.join(folder, fileNameOf(document)), yamlFrom(document))
      shell.terminal.note(`wrote ${all.length} documents to ${folder}\n`)
    })

  async function send(command: Command, given: { file: string[]; reason?: string }, dryRun: boolean): Promise<Change[]> {
    const manifests = readManifests(given.file, shell.folder, given.file.includes('-') ? await textOf(shell.input) : '')
    return clientOf(command, shell).call(documents.apply, {
      documents: manifests,
      dryRun,
      ...(given.reason ? { reason: given.reason } : {}),
    })
  }

  async function printChanges(changes: readonly Change[], json: boolean, dryRun: boolean): Promise<void> {
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

  async function printList(kind: string | undefined, json: boolean, yaml: boolean): Promise<void> {
    const list = await clientOf(get, shell).call(documents.list, kind === undefined ? {} : { kind: kindFrom(kind) })
    if (yaml) return shell.terminal.out(yamlStream(list))
    if (json) return printReply(list, documents.list, shell, true)
    const rows = list.map((one) =>
      [
        one.kind,
        one.metadata.name,
        String(one.version),
        scalarText('appliedAt', one.appliedAt, shell.now()),
        one.metadata.owner ?? '–',
        one.reason,
      ].map((text) => scalarText('', text, 0)),
    )
    await printTable({ headings: ['kind', 'name', 'version', 'applied', 'owner', 'reason'], rows }, shell)
  }
}

function fieldLine({ path: where, before, after }: Change['fields'][number], nowMs: number): string {
  return `  ${where}: ${scalarText('', before, nowMs)} → ${scalarText('', after, nowMs)}\n`
}
