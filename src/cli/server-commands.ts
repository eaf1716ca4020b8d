import type { Command } from 'commander'
import { type Connection, createClient } from '../contract/client.ts'
import { deployments } from '../contract/deployments.ts'
import { AppError } from '../contract/errors.ts'
import { Settings } from '../infra/config.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from './connection/options.ts'
import { exitCodes } from './failures.ts'
import type { Finish } from './operations/command.ts'
import { blockText } from './output/block.ts'
import { jsonText, printTable } from './output/reply.ts'
import type { Shell } from './shell.ts'

type Readiness = { readonly status: string } & Readonly<Record<string, unknown>>

/** `up`, `demo` and `status`: the server itself. */
export function addServerCommands(program: Command, shell: Shell, finish: Finish): void {
  program
    .command('up')
    .description('Start the server in this folder, until Ctrl-C')
    .addHelpText('after', settingsText())
    .option('--workers <n>', 'processes that answer requests on the port, beside the first one; 1 = that one alone')
    .action(async ({ workers }: { workers?: string }) =>
      finish(await shell.start('src/serve.ts', [], workers === undefined ? {} : { SETPOINT_WORKERS: workers })),
    )

  program
    .command('demo')
    .description('Show the whole loop on a seeded stream: served, attacked, caught, retrained, proven, promoted')
    .argument('[options...]', 'such as --seed 2, --rate 1000, --json; see demo --help')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (options: string[]) => finish(await shell.start('examples/phishing/demo.ts', options)))

  const status = addConnectionOptions(
    addJsonOption(program.command('status').description('Show whether the server is ready, plane by plane, and what it serves')),
  )
    .addHelpText('after', '\nExamples:\n  $ setpoint status\n  $ setpoint status --profile production --json')
    .action(async (given: { json?: boolean }) => {
      const connection = connectionOf(status, shell)
      const { version } = await ask<{ version: string }>(connection, '/v2')
      const ready = await ask<Readiness>(connection, '/readyz')
      const list = await createClient(connection).call(deployments.listDeployments, {})
      if (given.json) await shell.terminal.out(jsonText({ url: connection.url, version, ready, deployments: list }))
      else {
        await shell.terminal.out(`${blockText({ server: connection.url, version, ...ready }, shell.terminal, shell.now())}\n`)
        const rows = list.map(({ name, spec, route, ready, problem }) => [
          name,
          spec.model,
          String(route.championVersion ?? '–'),
          route.mode === 'steady'
            ? 'steady'
            : `${route.mode}: version ${route.challengerVersion}${route.mode === 'canary' ? ` at ${route.percent} %` : ''}`,
          ready ? 'ready' : `not ready: ${problem}`,
        ])
        await printTable({ headings: ['deployment', 'model', 'champion', 'traffic', 'state'], rows }, shell)
      }
      if (ready.status === 'down') finish(exitCodes.no.code)
    })
}

/** Reads a page that is no operation of the contract; `/readyz` answers in the same form whether or not it is ready. */
async function ask<T>(connection: Connection, path: string): Promise<T> {
  const response = await (connection.send ?? fetch)(`${connection.url}${path}`, {}).catch((error: unknown) => {
    throw new AppError('unavailable', `no server answers at ${connection.url}; start one with "setpoint up"`, {}, error)
  })
  const text = await response.text()
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new AppError(
      'unavailable',
      `${connection.url}${path} answered ${response.status} and is no Setpoint server: ${text.slice(0, 120)}`,
      { requestId: response.headers.get('x-request-id') ?? undefined, status: response.status },
      error,
    )
  }
}

function settingsText(): string {
  const lines = Object.entries(Settings.shape).map(([name, schema]) => {
    const variable = `SETPOINT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
    return `  ${name.padEnd(20)} ${variable.padEnd(32)} ${schema.description ?? ''}`.trimEnd()
  })
  return `\nNothing needs to be set. In setpoint.yaml, or in the environment:\n${lines.join('\n')}`
}
