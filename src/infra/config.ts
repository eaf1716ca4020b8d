import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { AppError, messageFrom } from '../contract/errors.ts'
import type { LogLevel } from './log.ts'
import { isLoopback } from './loopback.ts'

const megabytes = (count: number) => count * 1024 * 1024

/** Every setting, its meaning and its default. The file `setpoint.yaml` uses these keys; the environment overrides it. */
export const Settings = z.strictObject({
  data: z.string().min(1).default('./.setpoint').describe('folder of everything that is kept on this machine'),
  host: z.string().default('127.0.0.1').describe('address to listen on'),
  port: z.coerce.number().int().min(0).max(65_535).default(7_300).describe('port to listen on; 0 = any free one'),
  grpcPort: z
    .literal('off')
    .or(z.coerce.number<string | number>().int().min(0).max(65_535))
    .optional()
    .describe('port of gRPC; 0 = any free one, off = none; 7301 when absent and the port is 7300, else none'),
  open: z
    .stringbool()
    .or(z.boolean())
    .default(false)
    .describe('true: requests from this machine need no key and may do everything; for a laptop, never behind a proxy'),
  privateWebhooks: z
    .stringbool()
    .or(z.boolean())
    .default(false)
    .describe('true: webhooks of the registry may lead to loopback and private networks'),
  node: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .default('main')
    .describe('name of this process among those that share a store'),
  workers: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('processes that answer requests on the port; above 1 the first process only keeps the house'),
  worker: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000)
    .default(0)
    .describe('number of a worker; given by the first process to those it starts'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('least severe line that is printed'),
  sqlUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'a PostgreSQL URL starts with postgresql://')
    .optional()
    .describe('metadata in PostgreSQL instead of SQLite'),
  columnsUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('telemetry in ClickHouse instead of the embedded chDB'),
  blobsUrl: z
    .string()
    .regex(/^s3:\/\//, 'a bucket URL starts with s3://')
    .optional()
    .describe('files in an S3-compatible store instead of the data folder'),
  busUrl: z
    .string()
    .regex(/^nats:\/\//, 'a NATS URL starts with nats://')
    .optional()
    .describe('events between processes by NATS JetStream'),
  s3AccessKeyId: z.string().optional(),
  s3SecretAccessKey: z.string().optional(),
  batchFolders: z
    .union([z.string().transform((text) => text.split(',').filter((one) => one.trim() !== '')), z.array(z.string())])
    .default([])
    .describe('further folders that batch scoring may read and write, as /path or project=/path, separated by commas'),
  bodyLimitBytes: z.coerce.number().int().positive().default(megabytes(8)).describe('largest JSON body'),
  uploadLimitBytes: z.coerce.number().int().positive().default(megabytes(2_048)).describe('largest uploaded file'),
  requestTimeoutMs: z.coerce.number().int().positive().default(30_000).describe('time a request may take to arrive'),
  spoolLimitBytes: z.coerce
    .number()
    .int()
    .positive()
    .default(megabytes(2_048))
    .describe('most telemetry kept on disk while its store is away'),
  streamLimitBytes: z.coerce
    .number()
    .int()
    .min(megabytes(1))
    .default(megabytes(1_024))
    .describe('most bytes of one embedded stream subject; beyond it the oldest events go'),
  modelMemoryBytes: z.coerce
    .number()
    .int()
    .positive()
    .default(megabytes(4_096))
    .describe('most bytes of models in memory, counted by their files; those not asked for longest are put aside'),
  python: z
    .string()
    .min(1)
    .optional()
    .describe('interpreter that may load models of MLflow folders, with mlflow and what the models need; loading a model runs its code'),
  remoteHosts: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim()))
    .or(z.array(z.string()))
    .pipe(z.array(z.string().regex(/^(\*\.)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/, 'a host is name, name:port or *.domain')))
    .default([])
    .describe('hosts that deployments may call models on: name, name:port, *.domain; separated by commas in the environment'),
  columnsMemoryBytes: z.coerce
    .number()
    .int()
    .positive()
    .default(megabytes(1_536))
    .describe('most memory the embedded telemetry store may use'),
})
const secrets = ['sqlUrl', 'columnsUrl', 'busUrl', 's3AccessKeyId', 's3SecretAccessKey'] as const satisfies readonly (keyof z.infer<
  typeof Settings
>)[]

export type Config = Readonly<z.infer<typeof Settings>> & { readonly logLevel: LogLevel }

type Source = { readonly environment: Readonly<Record<string, string | undefined>>; readonly file: string }

/**
 * Reads `setpoint.yaml` and then the environment (`SETPOINT_SQL_URL` sets `sqlUrl`). Boots with nothing set.
 * Throws one `invalid` error that lists every problem at once.
 */
export function readConfig(source: Source = { environment: process.env, file: path.resolve('setpoint.yaml') }): Config {
  const problems: string[] = []
  const merged = { ...settingsFromFile(source.file, problems), ...settingsFromEnvironment(source.environment, problems) }
  const parsed = Settings.safeParse(merged)
  if (!parsed.success) for (const issue of parsed.error.issues) problems.push(`${issue.path.join('.') || 'settings'}: ${issue.message}`)
  else if (parsed.data.open && !isLoopback(parsed.data.host))
    problems.push(`open: without keys the server listens on this machine only; host is ${parsed.data.host}, set it to 127.0.0.1`)
  if (problems.length > 0 || !parsed.success)
    throw new AppError('invalid', `the configuration has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`, { problems })
  return { ...parsed.data, data: path.resolve(parsed.data.data) }
}

function settingsFromFile(file: string, problems: string[]): object {
  if (!fs.existsSync(file)) return {}
  try {
    const content: unknown = parse(fs.readFileSync(file, 'utf8'))
    if (content === null) return {}
    if (typeof content === 'object' && !Array.isArray(content)) return content
    problems.push(`${file}: settings are written as "name: value" lines`)
  } catch (error) {
    problems.push(`${file}: ${messageFrom(error)}`)
  }
  return {}
}

function settingsFromEnvironment(environment: Source['environment'], problems: string[]): object {
  const found: Record<string, string> = {}
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('SETPOINT_') || value === undefined) continue
    const name = settingFromVariable(variable)
    if (name in Settings.shape) found[name] = value
    else if (!clientVariables.has(variable)) problems.push(`${variable}: there is no such setting`)
  }
  return found
}

/** Read by the command line and by trainers, not by the server. */
const clientVariables: ReadonlySet<string> = new Set(['SETPOINT_URL', 'SETPOINT_TOKEN', 'SETPOINT_PROJECT', 'SETPOINT_PROFILE'])

function settingFromVariable(variable: string): string {
  return variable
    .slice('SETPOINT_'.length)
    .toLowerCase()
    .replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
}

/** The configuration as it may be printed: values that hold credentials show as `[secret]`. */
export function printableConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, value !== undefined && secrets.includes(name as never) ? '[secret]' : value]),
  )
}

/** The environment of another process of this package: this one’s own, with further settings. */
export function environmentWith(
  settings: Readonly<Record<string, string>>,
  environment: Source['environment'] = process.env,
): Record<string, string | undefined> {
  return { ...environment, ...settings }
}

export type ClientSettings = {
  readonly url?: string
  readonly token?: string
  readonly project?: string
  readonly profile?: string
  readonly profilesFile: string
}

/** What the command line reads from the environment, and where it keeps its profiles. */
export function readClientSettings(environment: Source['environment'] = process.env): ClientSettings {
  const home = environment.XDG_CONFIG_HOME ?? path.join(os.homedir(), '.config')
  return {
    url: environment.SETPOINT_URL,
    token: environment.SETPOINT_TOKEN,
    project: environment.SETPOINT_PROJECT,
    profile: environment.SETPOINT_PROFILE,
    profilesFile: path.join(home, 'setpoint', 'profiles.yaml'),
  }
}

/** Reads one variable that a document names, such as a webhook’s secret. */
export function readSecret(name: string, environment: Source['environment'] = process.env): string | undefined {
  return environment[name]
}

/** The environment a child process starts with: what programs need to run, and none of the server’s own settings. */
export function childEnvironment(environment: Source['environment'] = process.env): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH', 'VIRTUAL_ENV']) {
    const value = environment[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}
