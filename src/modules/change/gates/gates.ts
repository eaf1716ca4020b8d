import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { GateVerdict, gates } from '../../../contract/gates.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import { checkLoad } from './check-load.ts'
import { type Deps as CompareDeps, compareVersions } from './compare.ts'
import { conclude } from './conclude.ts'
import { createEvidence } from './evidence.ts'
import { newestEvidence, subjectOf } from './evidence-store.ts'

export type Gates = Verbs<typeof gates>

export const verdictsTable = { table: 'gate_verdicts', key: ['id'] } as const

type Deps = CompareDeps & {
  sql: Sql
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  documents: Documents
  registry: Registry
}

export function createGates(deps: Deps): Gates {
  const { sql, clock, ids, ledger, bus, documents, registry } = deps
  const records = createRecords<GateVerdict>(
    verdictsTable.table,
    (verdict) => ({ deployment: null, state: verdict.verdict, at: verdict.at }),
    sql.dialect,
  )

  return {
    ...createEvidence(deps),
    async evaluateGate({ gate, deployment, challenger, fromMs, toMs, key }, caller) {
      const earlier = key === undefined ? undefined : await records.findByKey(sql, caller.project, key)
      if (earlier) return earlier
      const { spec } = await documents.need('Gate', caller.project, gate)
      const target = await documents.need('Deployment', caller.project, deployment)
      const champion = await registry.champion(caller.project, target.spec.model)
      if (!champion) throw new AppError('conflict', `model ${target.spec.model} has no champion to compare with`)
      const candidate = await registry.version(caller.project, target.spec.model, challenger)
      const window = { project: caller.project, deployment, fromMs, toMs }
      const { checks, evidence } = await compareVersions(deps, spec, [champion, candidate], window, target.spec)
      if (spec.load) {
        const sinceMs = clock.now() - spec.load.withinMs
        checks.push(checkLoad(spec.load, await newestEvidence(sql, caller.project, subjectOf(candidate), sinceMs)))
      }
      const { verdict, reason } = conclude(checks)
      const record: GateVerdict = {
        id: ids('gate'),
        gate,
        model: target.spec.model,
        champion: champion.version,
        challenger,
        verdict,
        reason,
        checks,
        evidence,
        at: clock.now(),
      }
      return await sql.transaction(async (tx) => {
        const first = key === undefined ? undefined : await records.findByKey(tx, caller.project, key)
        if (first) return first
        await records.insert(tx, caller.project, record, key)
        await ledger.seal(tx, { caller, reason, operation: 'gates.evaluateGate', table: verdictsTable, key: [record.id] })
        await bus.publish(tx, {
          name: 'gates.decided',
          project: caller.project,
          subject: record.id,
          data: { gate, deployment, model: record.model, challenger, verdict, reason },
        })
        return record
      })
    },
    async listVerdicts({ model, limit }, caller) {
      const found = await records.list(sql, { project: caller.project, limit })
      return model === undefined ? found : found.filter((verdict) => verdict.model === model)
    },
    async getVerdict({ id }, caller) {
      const found = await records.find(sql, caller.project, id)
      if (!found) throw new AppError('not_found', `project ${caller.project} has no gate verdict ${id}; see "setpoint gates list-verdicts"`)
      return found
    },
  }
}
