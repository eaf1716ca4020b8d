import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { ChosenResponse, triage } from '../../../contract/triage.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { AuditedTable, Ledger } from '../../govern/ledger/index.ts'
import type { Drift } from '../../watch/drift/index.ts'
import { createDiagnose, type DiagnosisDeps } from './diagnosis.ts'

/** A record has the id of its detection: the newest choice counts, and the ledger keeps those before it. */
type Kept = ChosenResponse & { readonly id: string; readonly deployment: string }

export const responsesTable: AuditedTable = { table: 'detection_responses', key: ['id'] }

type Deps = DiagnosisDeps & {
  readonly sql: Sql
  readonly clock: Clock
  readonly ledger: Ledger
  readonly bus: Bus
  readonly drift: Pick<Drift, 'getDetection'>
}

/** The verbs of triage: what is behind a detection, and how a person answers it. */
export function createResponses(deps: Deps): Verbs<typeof triage> {
  const { sql, clock, ledger, bus, drift } = deps
  const responses = createRecords<Kept>(
    'detection_responses',
    ({ deployment, response, at }) => ({ deployment, state: response, at }),
    sql.dialect,
  )
  const diagnose = createDiagnose(deps)
  /** What was last found behind a detection, so that a choice says what it was made on. */
  const newest = new Map<string, Pick<ChosenResponse, 'suggested' | 'cause'>>()

  async function need(project: string, id: string) {
    const found = await drift.getDetection(project, id)
    if (found) return found
    throw new AppError('not_found', `project ${project} has no detection ${id}; see "setpoint drift list-detections"`)
  }

  return {
    async diagnoseDetection({ id }, caller) {
      const explained = await diagnose(await need(caller.project, id), caller)
      if (newest.size >= MOST_KEPT) newest.delete(newest.keys().next().value!)
      newest.set(id, { suggested: explained.response.suggested, cause: explained.cause })
      const kept = await responses.find(sql, caller.project, id)
      return { ...explained, chosen: kept ? shown(kept) : null }
    },
    async chooseResponse({ id, response, reason }, caller) {
      const { deployment, monitor } = await need(caller.project, id)
      const rested = newest.get(id) ?? { suggested: null, cause: null }
      const kept: Kept = { id, deployment, response, reason, by: caller.id, at: clock.now(), ...rested }
      await sql.transaction(async (tx) => {
        if (await responses.lock(tx, caller.project, id)) await responses.save(tx, kept)
        else await responses.insert(tx, caller.project, kept)
        await ledger.seal(tx, { caller, reason, operation: 'triage.chooseResponse', table: responsesTable, key: [id] })
        const data = { monitor, deployment, response, suggested: kept.suggested }
        await bus.publish(tx, { name: 'triage.response_chosen', project: caller.project, subject: id, data })
      })
      return shown(kept)
    },
  }
}

const MOST_KEPT = 1_000

function shown({ response, reason, by, at, suggested, cause }: Kept): ChosenResponse {
  return { response, reason, by, at, suggested, cause }
}
