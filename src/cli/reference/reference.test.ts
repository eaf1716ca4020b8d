import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { createPerson } from '../for-tests.ts'

const person = createPerson()
afterAll(() => person.close())

test('docs/cli.md is what the command line says of itself', async () => {
  const { out } = await person.run('docs')
  expect(fs.readFileSync('docs/cli.md', 'utf8'), 'run: node src/cli/main.ts docs docs/cli.md').toBe(out)
})

test('bash completes commands, then the options of the command', async () => {
  const { out } = await person.run('completion', 'bash')
  const completed = (...words: string[]) => {
    const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _setpoint; echo "\${COMPREPLY[*]}"`
    return execFileSync('bash', ['-c', `${out}\n${line}`], { encoding: 'utf8' })
      .trim()
      .split(' ')
  }
  expect(completed('setpoint', 'app')).toEqual(['apply'])
  expect(completed('setpoint', 'registry', 'move')).toEqual(['move-alias'])
  expect(completed('setpoint', 'registry', 'move-alias', '--ver')).toEqual(['--version'])
  expect(completed('setpoint', 'diff', '--f')).toEqual(['--file'])
})

test('zsh and fish scripts name every command', async () => {
  for (const shell of ['zsh', 'fish']) {
    const { out } = await person.run('completion', shell)
    for (const word of ['apply', 'move-alias', 'replay']) expect([shell, out.includes(word)]).toEqual([shell, true])
  }
  expect(await person.run('completion', 'tcsh')).toMatchObject({ code: 2 })
})

test('help is data, names the exit codes, and ends well', async () => {
  const { code, out, notes } = await person.run('--help')
  expect([code, notes]).toEqual([0, ''])
  expect(out).toContain('4  no server answers')
  expect((await person.run('gates', 'list-verdicts', '--help')).out).toContain('$ setpoint gates list-verdicts --model phishing')
})

test('up and demo start the programs of this package', async () => {
  expect((await person.run('up')).notes).toBe('started src/serve.ts\n')
  expect((await person.run('demo', '--seed', '2', '--help')).notes).toBe('started examples/phishing/demo.ts --seed 2 --help\n')
})
