import { access } from '../../contract/access.ts'
import type { Connection } from '../../contract/client.ts'
import { messageFrom } from '../../contract/errors.ts'
import { friendly, modelPath } from '../serving-paths.ts'

export type Check = { readonly status: 'passed' | 'failed' | 'skipped'; readonly name: string; readonly reason: string }

export type SmokePlan = {
  readonly deployment: string
  /** A value for each feature by name; null: made up from the deployment’s own features. */
  readonly row: Readonly<Record<string, number | null>> | null
  readonly rounds: number
  readonly timeoutMs: number
  readonly maxLatencyMs: number
}

export type SmokeDeps = {
  readonly connection: Connection
  /** A monotonic clock in milliseconds. */
  readonly nowMs: () => number
}

type Reply = { readonly status: number; readonly body: unknown; readonly text: string; readonly tookMs: number }
type Ask = (path: string, init?: { body?: unknown; key?: string | null }) => Promise<Reply>
/** What a check found: why it passed. Anything thrown is why it failed. */
type Finding = string | { readonly skipped: string }

/** What `access.whoAmI` answers to whoever needs no key. */
const OPEN_TO_ANYONE = 'anyone'
/** The value of every feature, where no row is given. */
const MIDDLING = 0.5
const UNKNOWN_FIELD = 'smoke_unknown_field'
const WRONG_KEY = 'sp_smoke_wrong_key'

/** Runs every check in order; a check that fails does not keep the next from running. Throws nothing. */
export async function runSmoke(plan: SmokePlan, deps: SmokeDeps): Promise<readonly Check[]> {
  const checks: Check[] = []
  const check: Run = async (name, find) => {
    try {
      const found = await find()
      checks.push(
        typeof found === 'string' ? { status: 'passed', name, reason: found } : { status: 'skipped', name, reason: found.skipped },
      )
    } catch (error) {
      checks.push({ status: 'failed', name, reason: messageFrom(error) })
    }
  }
  const ask = createAsk(plan, deps)
  const features = await checkReadiness(check, ask, plan)
  const row = plan.row ?? Object.fromEntries(features.map((name) => [name, MIDDLING]))
  const predict = (body: object, key?: string | null) => ask(friendly.path(plan.deployment), { body, key })
  await checkPredictions(check, () => predict({ features: row }), plan)
  await checkRefusals(check, ask, predict, row)
  return checks
}

type Run = (name: string, find: () => Promise<Finding>) => Promise<void>

/** Gives the names of the deployment’s features; none where its metadata cannot be read. */
async function checkReadiness(check: Run, ask: Ask, { deployment }: SmokePlan): Promise<readonly string[]> {
  await check('server is ready', async () => {
    const { body } = expectStatus(await ask('/v2/health/ready'), 200)
    if ((body as { ready?: unknown }).ready !== true) throw new Error('the reply does not say "ready": true')
    return 'it answers and is ready'
  })
  await check('deployment is ready', async () => {
    expectStatus(await ask(`${modelPath(deployment)}/ready`), 200)
    return 'it has a model loaded'
  })
  let features: readonly string[] = []
  await check('metadata', async () => {
    features = featuresIn(expectStatus(await ask(modelPath(deployment)), 200).body)
    return `${features.length} features: ${features.join(', ').slice(0, 200)}`
  })
  return features
}

async function checkPredictions(check: Run, predict: () => Promise<Reply>, { rounds, maxLatencyMs }: SmokePlan): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    const name = (what: string) => (rounds === 1 ? what : `${what}, round ${round}`)
    let tookMs: number | undefined
    await check(name('prediction'), async () => {
      const reply = expectStatus(await predict(), 200)
      tookMs = reply.tookMs
      return predictionIn(reply.body)
    })
    await check(name('latency'), async () => {
      if (tookMs === undefined) throw new Error('there was no prediction to time')
      if (tookMs > maxLatencyMs) throw new Error(`it took ${tookMs.toFixed(1)} ms; at most ${maxLatencyMs} ms is allowed`)
      return `${tookMs.toFixed(1)} ms of ${maxLatencyMs} ms`
    })
  }
}

async function checkRefusals(
  check: Run,
  ask: Ask,
  predict: (body: object, key?: string | null) => Promise<Reply>,
  row: Readonly<Record<string, number | null>>,
): Promise<void> {
  await check('unknown field is refused', async () => {
    expectStatus(await predict({ features: row, [UNKNOWN_FIELD]: 1 }), 400)
    return 'answered 400'
  })
  await check('unknown feature is refused', async () => {
    expectStatus(await predict({ features: { ...row, [UNKNOWN_FIELD]: 1 } }), 400)
    return 'answered 400'
  })
  await check('missing key is refused', async () => {
    const who = await ask(access.whoAmI.path, { key: null })
    if (who.status === 200 && (who.body as { caller?: unknown }).caller === OPEN_TO_ANYONE)
      return { skipped: 'the server is open to its own machine: no key is needed here' }
    expectStatus(await predict({ features: row }, null), 401)
    return 'answered 401'
  })
  await check('wrong key is refused', async () => {
    expectStatus(await predict({ features: row }, WRONG_KEY), 401)
    return 'answered 401'
  })
}

function createAsk({ timeoutMs }: SmokePlan, { connection, nowMs }: SmokeDeps): Ask {
  return async (path, { body, key = connection.token } = {}) => {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (key) headers.authorization = `Bearer ${key}`
    if (connection.project) headers['x-setpoint-project'] = connection.project
    const init = { method: body === undefined ? 'GET' : 'POST', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    const startedMs = nowMs()
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const response = await (connection.send ?? fetch)(`${connection.url}${path}`, { ...init, signal })
      const text = await response.text()
      return { status: response.status, body: parsed(text), text, tookMs: nowMs() - startedMs }
    } catch (error) {
      if (error instanceof DOMException && error.name === 'TimeoutError')
        throw new Error(`no reply within ${timeoutMs / 1_000} s`, { cause: error })
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
      throw new Error(`no server answers at ${connection.url}: ${messageFrom(cause)}`, { cause: error })
    }
  }
}

/** The reply’s JSON; undefined where it is none, which is then missing every field. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function expectStatus(reply: Reply, status: number): Reply {
  if (reply.status !== status) throw new Error(`answered ${reply.status}, not ${status}: ${reply.text.slice(0, 200)}`)
  if (status === 200 && (typeof reply.body !== 'object' || reply.body === null))
    throw new Error(`the reply is no JSON object: ${reply.text.slice(0, 200)}`)
  return reply
}

function featuresIn(body: unknown): readonly string[] {
  const { name, versions, inputs } = body as { name?: unknown; versions?: unknown; inputs?: unknown }
  const missing = Object.entries({ name, versions, inputs }).filter(([, value]) => value === undefined)
  if (missing.length > 0) throw new Error(`the metadata lacks ${missing.map(([field]) => field).join(', ')}`)
  const names = (inputs as { parameters?: { names?: unknown } }[])[0]?.parameters?.names
  if (!Array.isArray(names) || names.length === 0) throw new Error('the metadata names no features')
  return names
}

function predictionIn(body: unknown): string {
  const reply = body as Readonly<Record<string, unknown>>
  const missing = friendly.replyFields.filter((field) => reply[field] === undefined || reply[field] === null)
  if (missing.length > 0) throw new Error(`the reply lacks ${missing.join(', ')}`)
  return friendly.replyFields.map((field) => `${field} ${reply[field]}`).join(', ')
}
