import type { advise, ServingDecision } from '../../../contract/advise.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { adviseServing } from '../../../lib/advice/serving-mode.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { type ChecklistDeps, deploymentReadiness, modelReadiness } from './checklist.ts'
import { createDecisionRecords, decisionsTable } from './store.ts'

type Advisor = Verbs<typeof advise>

type Deps = ChecklistDeps & { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus }
type Subject = Pick<ServingDecision, 'deployment' | 'model' | 'version' | 'checklist'>

export function createAdvisor(deps: Deps): Advisor {
  const { sql, clock, ids, ledger, bus } = deps
  const records = createDecisionRecords(sql.dialect)
  return {
    async serving({ deployment, model, reason, ...need }, caller) {
      const { mode, ...advice } = adviseServing(need)
      const subject = await subjectOf(deps, { deployment, model }, caller)
      const decision = { id: ids('dec'), ...subject, need, mode, ...advice, reason, at: clock.now(), by: caller.id } as ServingDecision
      return await sql.transaction(async (tx) => {
        await records.insert(tx, caller.project, decision)
        await ledger.seal(tx, { caller, reason, operation: 'advise.serving', table: decisionsTable, key: [decision.id] })
        await bus.publish(tx, {
          name: 'advise.decided',
          project: caller.project,
          subject: decision.id,
          data: { deployment: subject.deployment, model: subject.model, mode },
        })
        return decision
      })
    },
    listDecisions: ({ deployment, limit }, caller) => records.list(sql, { project: caller.project, deployment, limit }),
    async getDecision({ id }, caller) {
      const found = await records.find(sql, caller.project, id)
      if (!found)
        throw new AppError('not_found', `project ${caller.project} has no serving decision ${id}; see "setpoint advise list-decisions"`)
      return found
    },
  }
}

/** What the decision is about, and how ready it is. A deployment that is not declared yet may be named: it has no checklist. */
async function subjectOf(deps: Deps, asked: { deployment?: string; model?: string }, caller: Caller): Promise<Subject> {
  const { documents, registry } = deps
  const declared = asked.deployment === undefined ? undefined : await documents.find('Deployment', caller.project, asked.deployment)
  const model = asked.model ?? declared?.spec.model ?? null
  if (asked.model !== undefined && declared && declared.spec.model !== asked.model)
    throw new AppError('invalid', `deployment ${asked.deployment} serves the model ${declared.spec.model}, not ${asked.model}`)
  if (asked.model !== undefined) await registry.modelOf(caller.project, asked.model)
  const named = { deployment: asked.deployment ?? null, model }
  const champion = model === null ? undefined : await registry.champion(caller.project, model)
  if (!champion) return { ...named, version: null, checklist: [] }
  const checklist = await modelReadiness(deps, champion, caller)
  if (declared) checklist.push(...(await deploymentReadiness(deps, declared.metadata.name, champion, caller)))
  return { ...named, version: champion.version, checklist }
}
