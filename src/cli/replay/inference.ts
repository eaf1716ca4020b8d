import type { Connection } from '../../contract/client.ts'
import { AppError, errorCodes } from '../../contract/errors.ts'
import { codeFromStatus } from '../failures.ts'
import type { Shell } from '../shell.ts'
import type { Row } from './rows.ts'

export type Reply = { readonly predictions: readonly number[]; readonly versions: readonly number[]; readonly recorded: boolean }
type Output = { readonly name: string; readonly data: readonly number[] }

const MOST_TRIES = 9
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 10_000

/** Asks a deployment for rows over the Open Inference Protocol, as any of its clients would. Throws the server’s error. */
export async function inferRows(connection: Connection, deployment: string, rows: readonly Row[], ids: readonly string[]): Promise<Reply> {
  const width = rows[0]!.features.length
  const body = JSON.stringify({
    parameters: { ids },
    // JSON has no NaN: a missing value goes as null.
    inputs: [{ name: 'features', datatype: 'FP32', shape: [rows.length, width], data: rows.flatMap((row) => row.features) }],
  })
  const response = await request(connection, `/v2/models/${encodeURIComponent(deployment)}/infer`, { method: 'POST', body })
  const { outputs } = (await response.json()) as { outputs: readonly Output[] }
  const numbers = (name: string) => outputs.find((output) => output.name === name)?.data ?? []
  return {
    predictions: numbers('prediction'),
    versions: numbers('version'),
    recorded: response.headers.get('setpoint-recorded') !== 'false',
  }
}

/** The names of a deployment’s features, in the order of its input. */
export async function featuresOf(connection: Connection, deployment: string): Promise<readonly string[]> {
  const response = await request(connection, `/v2/models/${encodeURIComponent(deployment)}`, {})
  const { inputs } = (await response.json()) as { inputs: readonly { parameters?: { names?: readonly string[] } }[] }
  return inputs[0]?.parameters?.names ?? []
}

async function request(connection: Connection, path: string, init: RequestInit): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (connection.token) headers.authorization = `Bearer ${connection.token}`
  if (connection.project) headers['x-setpoint-project'] = connection.project
  const response = await (connection.send ?? fetch)(`${connection.url}${path}`, { ...init, headers }).catch((error: unknown) => {
    throw new AppError('unavailable', `no server answers at ${connection.url}; start one with "setpoint up"`, {}, error)
  })
  if (response.ok) return response
  const text = await response.text()
  throw new AppError(codeFromStatus(response.status), messageIn(text), {
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfterMs: Number(response.headers.get('retry-after') ?? 0) * 1_000,
  })
}

/** The protocol’s errors are `{ "error": text }`, ours before a route is found `{ "error": { message } }`. */
function messageIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error: string | { message: string } }
    return typeof error === 'string' ? error : error.message
  } catch {
    return text.slice(0, 200)
  }
}

/** Tries again, ever later, what may succeed later: a server that restarts, is throttling or full. Gives up after about 40 s. */
export async function patiently<T>(shell: Pick<Shell, 'pause'>, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      const mayPass = error instanceof AppError && errorCodes[error.code].retryable
      if (!mayPass || tries === MOST_TRIES || signal.aborted) throw error
      const askedMs = Number(error.details.retryAfterMs ?? 0)
      await shell.pause(Math.max(askedMs, Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1))), signal)
    }
  }
}
