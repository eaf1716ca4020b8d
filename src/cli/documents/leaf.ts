import type { Command } from 'commander'
import { addConnectionOptions, addJsonOption } from '../connection/options.ts'

/** A command that speaks to the server and can print JSON, with lines that show it in use. */
export function leaf(program: Command, name: string, summary: string, ...examples: string[]): Command {
  const command = program.command(name).description(summary).addHelpText('after', examplesText(examples))
  return addConnectionOptions(addJsonOption(command))
}

export function examplesText(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}
