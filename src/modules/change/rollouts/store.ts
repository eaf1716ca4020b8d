import type { Rollout } from '../../../contract/rollouts.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { StageEvidence } from './evidence.ts'

export const rolloutsTable = { table: 'rollouts', key: ['id'] } as const

/** A rollout as decided; its evidence so far is kept apart, because it changes with every batch of labels and decides nothing by itself. */
export type Kept = Rollout & {
  /** The champion’s. */
  readonly threshold: number
  /** The challenger’s, where it brings its own. */
  readonly challengerThreshold?: number
}
/** The sequential tests of a rollout, and the last segment of each node that was counted. */
export type Evidence = {
  readonly id: string
  readonly shadow: StageEvidence | null
  readonly canary: StageEvidence | null
  readonly counted: Readonly<Record<string, string>>
}
export type Store = ReturnType<typeof createStore>

export function createStore(sql: Sql) {
  const rollouts = createRecords<Kept>(
    rolloutsTable.table,
    (rollout) => ({ deployment: rollout.deployment, state: rollout.state, at: rollout.startedAt }),
    sql.dialect,
  )
  const evidences = createRecords<Evidence>('rollout_evidence', () => ({ deployment: null, state: 'gathering', at: 0 }), sql.dialect)
  return {
    rollouts,
    evidences,
    /** The rollout with the evidence as it stands. */
    async withEvidence(db: Db, project: string, rollout: Kept): Promise<Kept> {
      const tests = await evidences.find(db, project, rollout.id)
      return { ...rollout, shadow: tests?.shadow?.shown ?? null, canary: tests?.canary?.shown ?? null }
    },
  }
}

export function shownRollout({ threshold: _threshold, challengerThreshold: _own, ...rollout }: Kept): Rollout {
  return rollout
}
