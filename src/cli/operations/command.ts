import { type Command, Option } from 'commander'
import { createClient } from '../../contract/client.ts'
import type { Endpoint } from '../../contract/endpoint.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { exitCodes } from '../failures.ts'
import { eventLine, printReply } from '../output/reply.ts'
import type { Shell } from '../shell.ts'
import { refusalIn } from './answers.ts'
import { saveBytes } from './bytes.ts'
import { type Field, fieldsOf, kebabCase } from './fields.ts'
import { inputsFrom } from './inputs.ts'

export type Finish = (code: number) => void

/** Adds the command of one operation to its module’s: arguments from the path, options from the schema, help from both. */
export function addOperation(group: Command, module: string, name: string, endpoint: Endpoint, shell: Shell, finish: Finish): Command {
  const fields = fieldsOf(endpoint)
  const path = fields.filter((field) => field.inPath)
  const taken = new Set(fields.map((field) => field.name))
  const command = group.command(kebabCase(name)).description(endpoint.summary)
  command.usage([...path.map((field) => `<${field.flag}>`), '[options]'].join(' '))
  for (const field of path) command.argument(`[${field.flag}]`, describe(field))
  for (const field of fields) for (const option of optionsOf(field)) command.addOption(option)
  if (endpoint.returns === 'bytes') command.addOption(command.createOption('--output <file>', 'write the bytes there').helpGroup('Output:'))
  else addJsonOption(command)
  addConnectionOptions(command, taken)
  if (endpoint.examples) command.addHelpText('after', `\nExamples:\n${endpoint.examples.map((line) => `  $ ${line}`).join('\n')}`)
  return command.action(async () => {
    const options = command.opts<Record<string, string | boolean>>()
    const typed = Object.fromEntries(fields.map((field) => [field.name, options[field.name]]))
    const inputs = inputsFrom(endpoint, fields, command.args, typed, shell)
    const client = createClient(connectionOf(command, shell, taken))
    if (endpoint.returns === 'bytes') return saveBytes(await client.download(endpoint, inputs), options.output as string | undefined, shell)
    if (endpoint.returns === 'events')
      return follow(client.follow(endpoint, inputs, shell.interrupted()), shell, options.json === true, finish)
    const reply = await client.call(endpoint, inputs)
    await printReply(reply, endpoint, shell, options.json === true)
    const refusal = refusalIn(`${module}.${name}`, reply)
    if (refusal === undefined) return
    shell.terminal.note(`${refusal}\n`)
    finish(exitCodes.no.code)
  })
}

async function follow(events: AsyncIterable<unknown>, shell: Shell, json: boolean, finish: Finish): Promise<void> {
  const stopped = shell.interrupted()
  try {
    for await (const event of events) await shell.terminal.out(eventLine(event, json))
    if (stopped.aborted) return
    shell.terminal.note('the server ended the stream\n')
    finish(exitCodes.unreachable.code)
  } catch (error) {
    if (!stopped.aborted) throw error
  }
}

function optionsOf(field: Field): Option[] {
  const description = describe(field)
  if (field.inPath) return [new Option(`--${field.flag} <value>`, description).hideHelp()]
  if (field.kind !== 'switch') return [new Option(`--${field.flag} <${placeholder(field)}>`, description)]
  const on = new Option(`--${field.flag}`, description)
  const off = new Option(`--no-${field.flag}`, `not: ${description}`)
  return field.fallback === false && !field.required ? [on] : field.fallback === true ? [off] : [on, off]
}

function placeholder(field: Field): string {
  if (field.kind === 'bytes') return '@file|-'
  if (field.kind === 'list') return 'a,b,…|@file'
  if (field.kind === 'json') return 'json|@file'
  return field.kind === 'number' ? 'number' : 'text'
}

function describe(field: Field): string {
  const choices = field.choices.length > 0 ? `one of ${field.choices.join(', ')}` : ''
  const fallback =
    field.fallback === undefined || field.kind === 'switch' || field.fallback === '' ? '' : `default ${JSON.stringify(field.fallback)}`
  const facts = [field.required && !field.inPath ? 'needed' : '', choices, fallback].filter((fact) => fact !== '').join('; ')
  return [field.description, facts && field.description ? `(${facts})` : facts].filter((part) => part !== '').join(' ')
}
