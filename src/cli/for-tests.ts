import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { ClientSettings } from '../infra/config.ts'
import { runCommand } from './run.ts'
import type { Shell } from './shell.ts'

type Run = { readonly code: number; readonly out: string; readonly notes: string; readonly bytes: Buffer }
export type Person = {
  readonly folder: string
  readonly shell: Shell
  /** Types one command line, as separate words, and gives what came of it. */
  run(...words: string[]): Promise<Run>
  write(file: string, text: string): void
  close(): void
}

/** A person at a keyboard in an empty folder: a shell whose output can be read and whose time stands still. */
export function createPerson(
  given: Partial<ClientSettings> & { readonly columns?: number; readonly input?: string } = {},
  over: Partial<Shell> = {},
): Person {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-cli-'))
  const { columns, input = '', ...settings } = given
  const printed: { out: Buffer[]; notes: string } = { out: [], notes: '' }
  const shell: Shell = {
    terminal: {
      async out(data) {
        printed.out.push(Buffer.from(data))
      },
      note(text) {
        printed.notes += text
      },
      columns,
      watched: false,
      colours: false,
    },
    settings: { profilesFile: path.join(folder, 'home', 'profiles.yaml'), ...settings },
    folder,
    input: (async function* () {
      yield Buffer.from(input)
    })(),
    now: () => Date.UTC(2026, 0, 2),
    async pause() {},
    interrupted: () => new AbortController().signal,
    start: async (file, args) => {
      printed.notes += `started ${[file, ...args].join(' ')}\n`
      return 0
    },
    ...over,
  }
  return {
    folder,
    shell,
    async run(...words) {
      printed.out = []
      printed.notes = ''
      const code = await runCommand(words, shell)
      const bytes = Buffer.concat(printed.out)
      return { code, out: bytes.toString('utf8'), notes: printed.notes, bytes }
    },
    write(file, text) {
      fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
      fs.writeFileSync(path.join(folder, file), text)
    },
    close: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
}
