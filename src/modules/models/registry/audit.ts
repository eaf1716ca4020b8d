import type { LedgerEntry } from '../../../contract/ledger.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { needModel, needVersion } from './needed.ts'
import type { Registry } from './registry.ts'
import { listVersions } from './store.ts'

const MOST_VERSIONS = 10_000
const DAY_MS = 86_400_000

type Acts = Awaited<ReturnType<Registry['why']>>

/** The questions an auditor asks, answered from the ledger: what it recorded cannot have been changed afterwards. */
export function createAudit({ sql, ledger }: { sql: Sql; ledger: Ledger }): Pick<Registry, 'who' | 'when' | 'why' | 'liveOn'> {
  /** Every move of an alias, oldest first. */
  async function movesOf(project: string, model: string, alias: string) {
    const entries = await ledger.entriesAbout(project, `model_aliases/${project}/${model}/${alias}`)
    return entries.map(({ at, actor, reason, state }) => ({
      at,
      actor,
      reason,
      version: (state as { version?: number } | null)?.version ?? null,
    }))
  }

  async function actsUpon(project: string, model: string, version: number | undefined): Promise<Acts> {
    const entries = [
      ...(await ledger.entriesAbout(project, `model_versions/${project}/${model}/`, 'prefix')),
      ...(await ledger.entriesAbout(project, `model_aliases/${project}/${model}/`, 'prefix')),
    ]
    const acts = entries.map(actFrom).filter((act) => version === undefined || act.version === version)
    return acts.sort((a, b) => b.at - a.at)
  }

  return {
    async who({ model, version, limit }, caller) {
      await needModel(sql, caller.project, model)
      const versions = await listVersions(sql, caller.project, model, MOST_VERSIONS)
      const asked = versions.filter((one) => version === undefined || one.version === version)
      return {
        owners: Object.fromEntries(asked.map((one) => [String(one.version), one.owner])),
        acts: (await actsUpon(caller.project, model, version)).slice(0, limit),
      }
    },
    async when({ model, alias }, caller) {
      await needModel(sql, caller.project, model)
      const moves = await movesOf(caller.project, model, alias)
      return moves.flatMap(({ at, actor, reason, version }, i) =>
        version === null ? [] : [{ version, fromAt: at, untilAt: moves[i + 1]?.at ?? null, movedBy: actor, reason }],
      )
    },
    async why({ model, version, limit }, caller) {
      await needVersion(sql, caller.project, model, version)
      return (await actsUpon(caller.project, model, version)).slice(0, limit)
    },
    async liveOn({ model, date }, caller) {
      const isDay = /^\d{4}-\d{2}-\d{2}$/.test(date)
      const at = Date.parse(date) + (isDay ? DAY_MS - 1 : 0)
      const last = (await movesOf(caller.project, model, 'champion')).findLast((move) => move.at <= at)
      const { version = null, at: sinceAt = null, actor: movedBy = null, reason = null } = last ?? {}
      return { at, version, sinceAt, movedBy, reason }
    },
  }
}

function actFrom({ at, actor, operation, subject, reason, state }: LedgerEntry): Acts[number] {
  const [table, , , held] = subject.split('/')
  const row = state as { version?: number; stage?: Acts[number]['stage'] } | null
  const isAlias = table === 'model_aliases'
  return {
    at,
    actor,
    operation,
    reason,
    version: isAlias ? (row?.version ?? null) : Number(held),
    alias: isAlias ? held! : null,
    stage: isAlias ? null : (row?.stage ?? null),
  }
}
