import type { Command } from 'commander'
import { usageError } from '../failures.ts'
import { textOf } from '../input.ts'
import { jsonText, printTable } from '../output/reply.ts'
import type { Shell } from '../shell.ts'
import { addJsonOption } from './options.ts'
import { checkProfile, readProfiles, writeProfiles } from './profiles.ts'

/** `setpoint profile add|list|use|remove`: servers by name, kept in the person’s own configuration folder. */
export function addProfileCommands(program: Command, shell: Shell): void {
  const file = shell.settings.profilesFile
  const group = program.command('profile').description('Keep the addresses and keys of several servers')
  group.addHelpText(
    'after',
    '\nFlags win over the environment, the environment over the profile in use, that over the server started in this folder.',
  )

  group
    .command('add')
    .description('Add or replace a profile; the first one is used at once')
    .argument('<name>')
    .requiredOption('--url <url>', 'address of the server')
    .option('--token <token>', 'API key; - reads it from standard input, so that it stays out of the shell’s history')
    .option('--project <name>', 'project to act in')
    .addHelpText('after', '\nExamples:\n  $ setpoint profile add production --url https://setpoint.example --token - < key.txt')
    .action(async (name: string, given: { url: string; token?: string; project?: string }) => {
      const token = given.token === '-' ? (await textOf(shell.input)).trim() : given.token
      const profile = checkProfile({ ...given, ...(token ? { token } : {}) })
      const book = readProfiles(file)
      writeProfiles(file, { current: book.current ?? name, profiles: { ...book.profiles, [name]: profile } })
      shell.terminal.note(`profile ${name} is kept in ${file}\n`)
    })

  addJsonOption(group.command('list').description('List the profiles, without their keys')).action(async (given: { json?: boolean }) => {
    const { current, profiles } = readProfiles(file)
    const list = Object.entries(profiles).map(([name, { url, project, token }]) => ({
      name,
      url,
      project: project ?? null,
      key: token !== undefined,
      inUse: name === current,
    }))
    if (given.json) return shell.terminal.out(jsonText(list))
    const rows = list.map((one) => [one.inUse ? '*' : '', one.name, one.url, one.project ?? '–', one.key ? 'yes' : 'no'])
    await printTable({ headings: ['', 'name', 'url', 'project', 'key'], rows }, shell)
  })

  const change = (
    name: string,
    summary: string,
    act: (book: ReturnType<typeof readProfiles>, name: string) => ReturnType<typeof readProfiles>,
  ) =>
    group
      .command(name)
      .description(summary)
      .argument('<name>')
      .action((profile: string) => {
        const book = readProfiles(file)
        if (!book.profiles[profile])
          throw usageError(`there is no profile "${profile}"; there are ${Object.keys(book.profiles).join(', ') || 'none'}`)
        writeProfiles(file, act(book, profile))
      })
  change('use', 'Use a profile from now on', (book, name) => ({ ...book, current: name }))
  change('remove', 'Forget a profile and its key', ({ current, profiles }, name) => ({
    ...(current === name ? {} : { current }),
    profiles: Object.fromEntries(Object.entries(profiles).filter(([other]) => other !== name)),
  }))
}
