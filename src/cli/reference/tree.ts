import type { Command, Option } from 'commander'

export type Leaf = { readonly path: readonly string[]; readonly command: Command }

/** Every command that does something, with the words that lead to it, in the order of the help. */
export function leavesOf(command: Command, path: readonly string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ path, command }]
  return command.commands.flatMap((one) => leavesOf(one, [...path, one.name()]))
}

export function shownOptions(command: Command): Option[] {
  return command.options.filter((option) => !option.hidden)
}

/** The words a command line takes after the program’s name, with its needed arguments. */
export function usageOf({ path, command }: Leaf): string {
  return [
    'setpoint',
    ...path,
    command
      .usage()
      .replace('[options] ', '')
      .replace(/ ?\[options\]/, ''),
  ]
    .filter((word) => word !== '')
    .join(' ')
}
