import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError, errorCodes, messageFrom } from '../../../contract/errors.ts'
import type { Webhook, webhooks } from '../../../contract/webhooks.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../registry/index.ts'
import { exampleOf, type Happening, messagesFrom } from './messages.ts'
import { type Message, postSigned } from './signed-post.ts'
import * as store from './store.ts'

export const webhooksTable = { table: 'webhooks', key: ['id'] } as const

export type Webhooks = Verbs<typeof webhooks>

type Deps = {
  sql: Sql
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  jobs: Jobs
  registry: Registry
  /** Refuses addresses of private networks, unless the settings allow them. */
  fetchPublic: typeof fetch
}
type Records = ReturnType<typeof store.createWebhookRecords>
type Delivery = Message & { readonly webhook: string }

const DELIVERY_ATTEMPTS = 6
/** Twice what one request may take. */
const DELIVERY_TIMEOUT_MS = 20_000
const MOST_WEBHOOKS = 1_000
const TIMED_OUT = 408
const TOO_MANY_REQUESTS = 429
const SERVER_ERRORS_FROM = 500
const told = [
  'registry.model_created',
  'registry.model_updated',
  'registry.version_registered',
  'registry.version_updated',
  'registry.alias_moved',
  'registry.alias_removed',
] as const

/** Tells URLs of what happens in the registry: each event is delivered at least once, in a job of its own. */
export function createWebhooks(deps: Deps): Webhooks {
  const { sql, clock, ids, ledger, fetchPublic } = deps
  const records = store.createWebhookRecords(sql.dialect)
  deliverEvents(deps, records)

  async function need(project: string, id: string): Promise<Webhook> {
    const found = await records.find(sql, project, id)
    if (!found) throw new AppError('not_found', `Webhook with ID ${id} not found.`)
    return found
  }
  const seal = (tx: Tx, caller: Caller, operation: string, reason: string, id: string) =>
    ledger.seal(tx, { caller, reason, operation: `webhooks.${operation}`, table: webhooksTable, key: [id] })

  return {
    async createWebhook({ secret, reason, ...given }, caller) {
      const now = clock.now()
      const webhook: Webhook = { id: ids('wh'), ...given, signed: secret !== undefined, createdAt: now, updatedAt: now }
      await sql.transaction(async (tx) => {
        const held = await records.list(tx, { project: caller.project, limit: MOST_WEBHOOKS })
        if (held.length >= MOST_WEBHOOKS) throw new AppError('too_large', `a project has at most ${MOST_WEBHOOKS} webhooks`)
        await records.insert(tx, caller.project, webhook)
        if (secret !== undefined) await store.saveSecret(tx, caller.project, webhook.id, secret)
        await seal(tx, caller, 'createWebhook', reason, webhook.id)
      })
      return webhook
    },
    async listWebhooks({ limit }, caller) {
      return await records.list(sql, { project: caller.project, limit })
    },
    async getWebhook({ id }, caller) {
      return await need(caller.project, id)
    },
    async updateWebhook({ id, secret, reason, ...change }, caller) {
      return await sql.transaction(async (tx) => {
        const before = await records.lock(tx, caller.project, id)
        if (!before) throw new AppError('not_found', `Webhook with ID ${id} not found.`)
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
        const after: Webhook = { ...before, ...given, signed: before.signed || secret !== undefined, updatedAt: clock.now() }
        await records.save(tx, after)
        if (secret !== undefined) await store.saveSecret(tx, caller.project, id, secret)
        await seal(tx, caller, 'updateWebhook', reason, id)
        return after
      })
    },
    async deleteWebhook({ id, reason }, caller) {
      const found = await need(caller.project, id)
      await sql.transaction(async (tx) => {
        await store.deleteWebhook(tx, caller.project, id)
        await seal(tx, caller, 'deleteWebhook', reason, id)
      })
      return found
    },
    async testWebhook({ id, event }, caller) {
      const webhook = await need(caller.project, id)
      const asked = event ?? webhook.events[0]!
      const secret = await store.readSecretOf(sql, caller.project, id)
      try {
        const message = { event: asked, data: exampleOf(asked), atMs: clock.now() }
        const { status, body } = await postSigned(fetchPublic, { url: webhook.url, secret }, message)
        const success = status >= 200 && status < 300
        return { success, status, body, error: success ? null : `the webhook answered ${status}` }
      } catch (error) {
        return { success: false, status: null, body: null, error: messageFrom(error) }
      }
    },
  }
}

/** Answers events of the registry with a job for each webhook that asked for them. */
function deliverEvents({ sql, bus, jobs, registry, fetchPublic }: Deps, records: Records): void {
  async function enqueue(event: BusEvent): Promise<void> {
    const active = (await records.list(sql, { project: event.project, state: 'active', limit: MOST_WEBHOOKS })).filter(Boolean)
    if (active.length === 0) return
    const happening = await happeningOf(registry, event)
    if (!happening) return
    const messages = messagesFrom(happening)
    await sql.transaction(async (tx) => {
      for (const [i, { event: name, data }] of messages.entries())
        for (const webhook of active.filter((one) => one.events.includes(name)))
          await jobs.enqueue(tx, {
            kind: 'webhooks.deliver',
            project: event.project,
            key: `${webhook.id}/${event.id}/${i}`,
            payload: { webhook: webhook.id, event: name, data, atMs: event.atMs, deliveryId: `${event.id}-${i}` } satisfies Delivery,
          })
    })
  }
  for (const name of told) bus.on(name, 'webhooks', enqueue)

  jobs.define('webhooks.deliver', {
    maxAttempts: DELIVERY_ATTEMPTS,
    timeoutMs: DELIVERY_TIMEOUT_MS,
    mayRecover: (thrown) => !(thrown instanceof AppError) || errorCodes[thrown.code].retryable,
    async run({ payload, job }) {
      const { webhook: id, ...message } = payload as Delivery
      const webhook = await records.find(sql, job.project, id)
      if (webhook?.status !== 'active') return
      const secret = await store.readSecretOf(sql, job.project, id)
      const { status } = await postSigned(fetchPublic, { url: webhook.url, secret }, message)
      if (status >= 200 && status < 300) return
      const busy = status === TIMED_OUT || status === TOO_MANY_REQUESTS || status >= SERVER_ERRORS_FROM
      if (busy) throw new AppError('unavailable', `webhook ${webhook.name} answered ${status}`)
      throw new AppError('invalid', `webhook ${webhook.name} refused the message with ${status}; it is not sent again`)
    },
  })
}

/** The record behind an event, as it stands now; undefined when it is gone. */
async function happeningOf(registry: Registry, { name, project, data }: BusEvent): Promise<Happening | undefined> {
  const facts = data as Record<string, unknown>
  try {
    const model = await registry.modelOf(project, String(facts.model))
    const version = typeof facts.version === 'number' ? await registry.version(project, model.name, facts.version) : undefined
    return { name, data: facts, model, version }
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return undefined
    throw error
  }
}
