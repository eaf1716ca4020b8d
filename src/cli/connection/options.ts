import type { Command } from 'commander'
import { type Client, type Connection, createClient } from '../../contract/client.ts'
import type { Shell } from '../shell.ts'
import { type ConnectionFlags, resolveConnection } from './resolve.ts'

const GROUP = 'Server:'
const flags = {
  url: ['--url <url>', 'address of the server'],
  token: ['--token <token>', 'API key'],
  project: ['--project <name>', 'project to act in'],
  profile: ['--profile <name>', 'a server added with "setpoint profile add"'],
} as const satisfies Record<keyof ConnectionFlags, readonly [string, string]>

/** Adds the flags that choose a server, but for those whose name the command uses for a field of its own. */
export function addConnectionOptions(command: Command, taken: ReadonlySet<string> = new Set()): Command {
  for (const [name, [flag, description]] of Object.entries(flags))
    if (!taken.has(name)) command.addOption(command.createOption(flag, description).helpGroup(GROUP))
  return command
}

export function addJsonOption(command: Command): Command {
  return command.addOption(command.createOption('--json', 'print the exact reply as JSON').helpGroup('Output:'))
}

/** The server that the flags given after the command, or before it, choose. */
export function connectionOf(command: Command, shell: Shell, taken: ReadonlySet<string> = new Set()): Connection {
  const own = Object.fromEntries(Object.entries(command.opts()).filter(([name]) => name in flags && !taken.has(name)))
  let root = command
  while (root.parent) root = root.parent
  return { ...resolveConnection({ ...root.opts(), ...own }, shell.settings, shell.folder), ...(shell.send ? { send: shell.send } : {}) }
}

export function clientOf(command: Command, shell: Shell): Client {
  return createClient(connectionOf(command, shell))
}
