import fs from 'node:fs'
import path from 'node:path'
import { Argument, type Command } from 'commander'
import { usageError } from '../failures.ts'
import type { Shell } from '../shell.ts'
import { completionScript, shells } from './completion.ts'
import { referenceOf } from './pages.ts'

/** `completion` and `docs`: what is derived from the command line itself. */
export function addReferenceCommands(program: Command, shell: Shell): void {
  program
    .command('completion')
    .description('Print a script that completes commands and options in your shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      '\nExamples:\n  $ setpoint completion bash > ~/.local/share/bash-completion/completions/setpoint\n  $ setpoint completion fish > ~/.config/fish/completions/setpoint.fish\n  $ setpoint completion zsh > ~/.zfunc/_setpoint',
    )
    .action(async (name: (typeof shells)[number]) => shell.terminal.out(completionScript(program, name)))

  program
    .command('docs')
    .description('Print the reference of every command as Markdown, or write it to a file')
    .argument('[file]')
    .action(async (file: string | undefined) => {
      const text = referenceOf(program)
      if (file === undefined) return shell.terminal.out(text)
      const full = path.resolve(shell.folder, file)
      if (!fs.existsSync(path.dirname(full))) throw usageError(`there is no folder ${path.dirname(full)}`)
      fs.writeFileSync(full, text)
    })
}
