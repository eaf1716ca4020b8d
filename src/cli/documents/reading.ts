import fs from 'node:fs'
import path from 'node:path'
import { type Command, Option } from 'commander'
import { documents } from '../../contract/documents.ts'
import { addConnectionOptions, clientOf } from '../connection/options.ts'
import { usageError } from '../failures.ts'
import { jsonText, printReply, printTable } from '../output/reply.ts'
import { scalarText } from '../output/text.ts'
import type { Shell } from '../shell.ts'
import { kindFrom } from './files.ts'
import { examplesText, leaf } from './leaf.ts'
import { fileNameOf, yamlFrom, yamlStream } from './yaml.ts'

/** `get`: what is declared, as a table or as files. */
export function addGetCommand(program: Command, shell: Shell): void {
  const get = leaf(
    program,
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
      if (kind === undefined || name === undefined) return printList(shell, get, kind, json, given.o === 'yaml')
      const input = { kind: kindFrom(kind), name, ...(given.version === undefined ? {} : { version: given.version }) }
      const document = await clientOf(get, shell).call(documents.get, input)
      await shell.terminal.out(json ? jsonText(document) : yamlFrom(document))
    })
}

/** `export`: everything that is declared, as files. */
export function addExportCommand(program: Command, shell: Shell): void {
  const exported = addConnectionOptions(program.command('export').description('Write every document as YAML that applies unchanged'))
    .option('-o <folder>', 'one file a document in this folder, instead of one stream')
    .addHelpText('after', examplesText(['setpoint export -o backup/', 'setpoint export > everything.yaml']))
    .action(async (given: { o?: string }) => {
      const all = await clientOf(exported, shell).call(documents.list, {})
      if (given.o === undefined) return shell.terminal.out(yamlStream(all))
      const folder = path.resolve(shell.folder, given.o)
      fs.mkdirSync(folder, { recursive: true })
      for (const document of all) fs.writeFileSync(path.join(folder, fileNameOf(document)), yamlFrom(document))
      shell.terminal.note(`wrote ${all.length} documents to ${folder}\n`)
    })
}

async function printList(shell: Shell, command: Command, kind: string | undefined, json: boolean, yaml: boolean): Promise<void> {
  const list = await clientOf(command, shell).call(documents.list, kind === undefined ? {} : { kind: kindFrom(kind) })
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
