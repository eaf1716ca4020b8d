import type { ServingDecision } from '../../../contract/advise.ts'
import { createRecords } from '../../../infra/sql/records.ts'

export const decisionsTable = { table: 'serving_decisions', key: ['id'] } as const

export function createDecisionRecords(dialect: 'sqlite' | 'postgresql') {
  return createRecords<ServingDecision>('serving_decisions', ({ deployment, mode, at }) => ({ deployment, state: mode, at }), dialect)
}
