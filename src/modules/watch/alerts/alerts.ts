import type { Alert, alerts } from '../../../contract/alerts.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { type EventName, events } from '../../../contract/events.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { type Outgoing, postAlert, type Webhook } from './webhook.ts'

export type Alerts = Verbs<typeof alerts>

type Deps = {
  sql: Sql
  clock: Clock
  ids: Ids
  bus: Bus
  jobs: Jobs
  documents: Documents
  ledger: Ledger
} & Outgoing
type Delivery = Webhook & { readonly project: string; readonly alert: string }

const DELIVERY_ATTEMPTS = 6
/** Twice what one request may take. */
const DELIVERY_TIMEOUT_MS = 20_000

export function createAlerts(deps: Deps): Alerts {
  const { sql, bus, ledger } = deps
  const records = createAlertRecords(sql)
  fireOnEvents(deps, records)
  defineDelivery(deps, records)

  async function change(caller: Caller, id: string, operation: string, reason: string, edit: (alert: Alert) => Alert): Promise<Alert> {
    return await sql.transaction(async (tx) => {
      const before = await records.lock(tx, caller.project, id)
      if (!before) throw new AppError('not_found', `project ${caller.project} has no alert ${id}; see "setpoint alerts list-alerts"`)
      const after = edit(before)
      await records.save(tx, after)
      await ledger.note(tx, { caller, reason, operation, subject: `alert/${id}` })
      await bus.publish(tx, {
        name: 'alerts.changed',
        project: caller.project,
        subject: id,
        data: { state: after.state, by: caller.id, deployment: after.deployment },
      })
      return after
    })
  }

  return {
    async listAlerts({ state, limit }, caller) {
      return await records.list(sql, { project: caller.project, state, limit })
    },
    async acknowledgeAlert({ id, reason }, caller) {
      return await change(caller, id, 'alerts.acknowledgeAlert', reason, (alert) =>
        alert.state === 'firing' ? { ...alert, state: 'acknowledged', acknowledgedBy: caller.id } : alert,
      )
    },
    async resolveAlert({ id, reason }, caller) {
      return await change(caller, id, 'alerts.resolveAlert', reason, (alert) => ({
        ...alert,
        state: 'resolved',
        acknowledgedBy: alert.acknowledgedBy ?? caller.id,
      }))
    },
  }
}

type AlertRecords = ReturnType<typeof createAlertRecords>

function createAlertRecords(sql: Sql) {
  return createRecords<Alert>('alerts', (alert) => ({ deployment: alert.deployment, state: alert.state, at: alert.at }), sql.dialect)
}

/** Answers every event of the product, but for those of alerts themselves, with the alerts its rules ask for. */
function fireOnEvents({ sql, clock, ids, bus, jobs, documents }: Deps, records: AlertRecords): void {
  async function fire(event: BusEvent & { name: EventName }): Promise<void> {
    const deployment = (event.data as { deployment?: string }).deployment ?? null
    const rules = (await documents.all('Alert', event.project)).filter(
      ({ spec }) => spec.enabled && spec.on.includes(event.name) && (spec.deployment === undefined || spec.deployment === deployment),
    )
    for (const rule of rules) await fireRule(rule, event, deployment)
  }

  async function fireRule({ metadata, spec }: Declared<'Alert'>, event: BusEvent & { name: EventName }, deployment: string | null) {
    await sql.transaction(async (tx) => {
      const key = `${metadata.name}/${event.id}`
      if (await records.findByKey(tx, event.project, key)) return
      const alert: Alert = {
        id: ids('alert'),
        rule: metadata.name,
        event: event.name,
        deployment,
        severity: spec.severity,
        title: `${deployment ?? event.subject}: ${events[event.name]}`,
        owner: metadata.owner!,
        runbook: spec.runbook!,
        state: 'firing',
        delivery: spec.webhook ? 'pending' : 'none',
        at: clock.now(),
        acknowledgedBy: null,
      }
      await records.insert(tx, event.project, alert, key)
      if (spec.webhook)
        await jobs.enqueue(tx, {
          kind: 'alerts.deliver',
          project: event.project,
          payload: { project: event.project, alert: alert.id, ...spec.webhook },
        })
      await bus.publish(tx, {
        name: 'alerts.fired',
        project: event.project,
        subject: alert.id,
        data: { rule: alert.rule, title: alert.title, severity: alert.severity, deployment },
      })
    })
  }

  for (const name of Object.keys(events) as EventName[])
    if (!name.startsWith('alerts.')) bus.on(name, 'alerts', (event) => fire({ ...event, name }))
}

/** Defines the job that delivers an alert to its webhook, and says on the alert how that went. */
function defineDelivery({ sql, jobs, fetch, readSecret }: Deps, records: AlertRecords): void {
  async function mark({ project, alert }: Delivery, delivery: Alert['delivery']): Promise<void> {
    await sql.transaction(async (tx) => {
      const found = await records.lock(tx, project, alert)
      if (found) await records.save(tx, { ...found, delivery })
    })
  }

  jobs.define('alerts.deliver', {
    maxAttempts: DELIVERY_ATTEMPTS,
    timeoutMs: DELIVERY_TIMEOUT_MS,
    async run({ payload, job }) {
      const delivery = payload as Delivery
      const alert = await records.find(sql, delivery.project, delivery.alert)
      if (!alert) return
      try {
        await postAlert({ fetch, readSecret }, delivery, alert)
        await mark(delivery, 'delivered')
      } catch (error) {
        if (job.failures + 1 >= DELIVERY_ATTEMPTS) await mark(delivery, 'failed')
        throw error
      }
    },
  })
}
