import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { type Alias, type AliasRecord, steeringAliases } from '../../../contract/model-record.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { aliasesTable, deleteAlias, findAlias, saveAlias } from './alias-store.ts'
import { needVersion } from './needed.ts'

/** Scopes are given where somebody asks for the move, and absent where a flow makes it. */
type Actor = Pick<Caller, 'id' | 'project'> & { readonly scopes?: Caller['scopes'] }
export type Aliases = ReturnType<typeof createAliases>

/** Moves and removes aliases as part of a larger change. */
export function createAliases({ clock, ledger, bus }: { clock: Clock; ledger: Ledger; bus: Bus }) {
  async function commit(
    tx: Tx,
    caller: Actor,
    { model, alias, reason }: { model: string; alias: Alias; reason: string },
    operation: 'moveAlias' | 'removeAlias',
    event: 'registry.alias_moved' | 'registry.alias_removed',
    facts: object,
  ): Promise<void> {
    const { project, id } = caller
    await ledger.seal(tx, { caller, reason, operation: `registry.${operation}`, table: aliasesTable, key: [project, model, alias] })
    await bus.publish(tx, { name: event, project, subject: model, data: { model, alias, ...facts, by: id, reason } })
  }

  /** Throws `not_found` when the version is not there. The alias remembers the version it stood on before. */
  async function moveAliasIn(
    tx: Tx,
    move: { model: string; alias: Alias; version: number; reason: string },
    caller: Actor,
  ): Promise<AliasRecord> {
    const { model, alias, version, reason } = move
    await needVersion(tx, caller.project, model, version)
    checkMayMove(alias, caller)
    const before = await findAlias(tx, caller.project, model, alias)
    if (before?.version === version) return before
    const record: AliasRecord = {
      model,
      alias,
      version,
      previousVersion: before?.version ?? null,
      movedAt: clock.now(),
      movedBy: caller.id,
      reason,
    }
    await saveAlias(tx, caller.project, record)
    const { previousVersion } = record
    await commit(tx, caller, move, 'moveAlias', 'registry.alias_moved', { version, previousVersion })
    return record
  }

  /** Changes nothing when there is no such alias. */
  async function removeAliasIn(tx: Tx, removal: { model: string; alias: Alias; reason: string }, caller: Actor): Promise<void> {
    const { model, alias } = removal
    if (!(await findAlias(tx, caller.project, model, alias))) return
    checkMayMove(alias, caller)
    await deleteAlias(tx, caller.project, model, alias)
    await commit(tx, caller, removal, 'removeAlias', 'registry.alias_removed', {})
  }

  return { moveAliasIn, removeAliasIn }
}

/** A team’s own aliases may be moved by whoever writes; those that steer serving need the right to approve. */
function checkMayMove(alias: Alias, caller: Actor): void {
  if (!caller.scopes || !isSteering(alias) || caller.scopes.has('approve')) return
  throw new AppError('forbidden', `the alias ${alias} steers what is served: moving it needs the scope "approve", which ${caller.id} lacks`)
}

export function isSteering(alias: Alias): boolean {
  return (steeringAliases as readonly string[]).includes(alias)
}
