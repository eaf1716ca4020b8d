import type { RuntimeSpec } from '../../../contract/deployments.ts'
import { AppError } from '../../../contract/errors.ts'
import { type Clock, sleep } from '../../../infra/clock.ts'
import { backoffDelayMs } from '../../../infra/jobs/backoff.ts'
import { type BreakerState, type CallEnd, createBreaker } from './remote-breaker.ts'
import { checkHost, headersFromEnvironment } from './remote-hosts.ts'
import { createRetryBudget } from './remote-retry-budget.ts'
import { createTransport, type RemoteReply, type RemoteRequest } from './remote-transport.ts'

export type RemoteSpec = Extract<RuntimeSpec, { kind: 'remote' }>
export type RemoteDeps = {
  readonly clock: Clock
  readonly random: () => number
  /** Hosts that models may be called on. */
  readonly hosts: readonly string[]
  readonly readSecret: (name: string) => string | undefined
}

/** A server elsewhere, asked with a deadline, retries within a budget, and a breaker in front. */
export type RemoteServer = {
  readonly host: string
  readonly breaker: BreakerState
  /** A reply of any status below 500. Throws `timeout`, `unavailable`, `throttled`, `too_large`. */
  call(request: RemoteRequest, signal?: AbortSignal): Promise<RemoteReply>
  close(): void
}

const RETRY_BACKOFF = { baseMs: 20, capMs: 500 }
/** Calls that may wait for each connection; more are refused. */
const MOST_WAITING_PER_CONNECTION = 16

/** Throws `forbidden` for a host that is not allowed, and `invalid` for headers that cannot be sent. */
export function createRemoteServer({ clock, random, hosts, readSecret }: RemoteDeps, spec: RemoteSpec, url: string): RemoteServer {
  const base = new URL(url)
  checkHost(base, hosts)
  const transport = createTransport(base, headersFromEnvironment(spec.headersFrom, readSecret), spec.connections)
  const budget = createRetryBudget(clock)
  const breaker = createBreaker({ clock, ...spec.breaker, what: `the model server ${base.host}` })
  let underWay = 0

  /** Tries until there is an answer, or a failure that more of the same would not mend. */
  async function attempt(request: RemoteRequest, signal: AbortSignal): Promise<RemoteReply> {
    for (let failures = 1; ; failures++) {
      try {
        return await transport.send(request, signal)
      } catch (error) {
        const mayRetry = error instanceof AppError && error.details.began === false && failures <= spec.retries
        if (!mayRetry || signal.aborted || !budget.take()) throw error
        await sleep(clock, backoffDelayMs(RETRY_BACKOFF, failures, random()), signal)
        if (signal.aborted) throw signal.reason
      }
    }
  }

  return {
    host: base.host,
    get breaker() {
      return breaker.state
    },
    async call(request, signal) {
      if (underWay >= spec.connections * (1 + MOST_WAITING_PER_CONNECTION))
        throw new AppError(
          'throttled',
          `${underWay} calls wait for the ${spec.connections} connections to ${base.host}; try again in 1 s`,
          {
            retryAfterSeconds: 1,
          },
        )
      const leave = breaker.enter()
      let end: CallEnd = 'failed'
      budget.call()
      underWay += 1
      const giveUp = new AbortController()
      const late = new AppError('timeout', `the model server ${base.host} did not answer within ${spec.timeoutMs} ms`)
      const cancelDeadline = clock.after(spec.timeoutMs, () => giveUp.abort(late))
      const onAbort = () => giveUp.abort(new AppError('cancelled', `the call to ${base.host} was given up by its caller`))
      signal?.addEventListener('abort', onAbort)
      if (signal?.aborted) onAbort()
      try {
        const reply = await attempt(request, giveUp.signal)
        if (reply.status >= 500) throw refusal(base.host, reply)
        end = 'answered'
        return reply
      } catch (error) {
        if (error instanceof AppError && error.code === 'cancelled') end = 'abandoned'
        throw error
      } finally {
        cancelDeadline()
        signal?.removeEventListener('abort', onAbort)
        underWay -= 1
        leave(end)
      }
    },
    close: transport.close,
  }
}

const SHOWN = 300

/** What a reply other than 200 means to whoever asked the deployment. */
export function refusal(host: string, { status, body }: RemoteReply): AppError {
  const text = body.toString('utf8').trim().slice(0, SHOWN)
  const said = text === '' ? '' : `: ${text}`
  if (status >= 300 && status < 400)
    return new AppError('unavailable', `the model server ${host} answers ${status}; redirects are not followed, give the URL it leads to`)
  if (status === 400 || status === 422) return new AppError('invalid', `the model server ${host} refuses the inputs${said}`)
  if (status === 401 || status === 403)
    return new AppError('unavailable', `the model server ${host} refuses this server’s credentials (${status}); see runtime.headersFrom`)
  if (status === 413) return new AppError('too_large', `the model server ${host} finds the request too large${said}`)
  if (status === 429) return new AppError('throttled', `the model server ${host} is asked too often${said}`, { retryAfterSeconds: 1 })
  return new AppError('unavailable', `the model server ${host} answers ${status}${said}`, { status })
}
