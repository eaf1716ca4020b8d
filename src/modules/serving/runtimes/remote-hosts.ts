import { AppError } from '../../../contract/errors.ts'

/** Headers that make the connection, and would make it another’s request. */
const ownHeaders: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'keep-alive',
  'proxy-connection',
  'inference-header-content-length',
])

/**
 * Whether a URL leads to a host of the list: `name`, `name:port`, `*.domain`, `*.domain:port`. An entry without a port means
 * any port; `*.domain` is what lies below the domain, not the domain itself. Throws `forbidden` naming the setting.
 */
export function checkHost(url: URL, hosts: readonly string[]): void {
  if (url.username !== '' || url.password !== '')
    throw new AppError('invalid', `runtime.url of ${url.host} carries a name or a password; give them by runtime.headersFrom`)
  if (hosts.some((entry) => isMeant(entry.toLowerCase(), url))) return
  throw new AppError(
    'forbidden',
    `${url.host} is not among the hosts that models may be called on; the operator of this server adds it to the setting remoteHosts (SETPOINT_REMOTE_HOSTS=${url.host})`,
    { host: url.host },
  )
}

function isMeant(entry: string, url: URL): boolean {
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(entry)!
  const actualPort = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (port !== undefined && port !== actualPort) return false
  return name.startsWith('*.') ? url.hostname.endsWith(name.slice(1)) && url.hostname.length > name.length - 1 : url.hostname === name
}

/**
 * Request headers whose values are read from environment variables. Throws `invalid` for a header that belongs to the
 * connection and for a variable that is not set, `forbidden` for one of this server’s own settings.
 */
export function headersFromEnvironment(
  headersFrom: Readonly<Record<string, string>>,
  readSecret: (name: string) => string | undefined,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headersFrom).map(([header, variable]) => {
      if (ownHeaders.has(header.toLowerCase()))
        throw new AppError('invalid', `runtime.headersFrom: ${header} is set by the connection itself`)
      if (variable.startsWith('SETPOINT_'))
        throw new AppError('forbidden', `runtime.headersFrom: ${variable} is a setting of this server and is sent nowhere`)
      const value = readSecret(variable)
      if (value === undefined) throw new AppError('invalid', `runtime.headersFrom: the environment of this server has no ${variable}`)
      return [header.toLowerCase(), value]
    }),
  )
}
