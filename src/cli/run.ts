import { exitCodeOf, exitCodes, failureText } from './failures.ts'
import { createProgram } from './program.ts'
import type { Shell } from './shell.ts'

/** Runs one command line, given without the program’s name, and gives its exit code. Throws nothing. */
export async function runCommand(args: readonly string[], shell: Shell): Promise<number> {
  let answer: number = exitCodes.ok.code
  const program = createProgram(shell, (code) => {
    answer = code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return answer
  } catch (error) {
    shell.terminal.note(failureText(error))
    return exitCodeOf(error)
  }
}
