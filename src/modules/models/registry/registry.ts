import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Alias, AliasRecord, ModelVersion, registry } from '../../../contract/registry.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Runtimes } from '../../serving/runtimes/index.ts'
import { createAliases } from './aliases.ts'
import { needModel, needVersion } from './needed.ts'
import { createRegister } from './register.ts'
import * as store from './store.ts'

type Actor = Pick<Caller, 'id' | 'project'>

export type Registry = Verbs<typeof registry> & {
  /** The champion, read inside the transaction of `db` where one is given. */
  champion(project: string, model: string, db?: Db): Promise<ModelVersion | undefined>
  /** Moves an alias as part of a larger change. Throws `not_found` when the version is not there. */
  moveAliasIn(tx: Tx, move: { model: string; alias: Alias; version: number; reason: string }, caller: Actor): Promise<AliasRecord>
  removeAliasIn(tx: Tx, removal: { model: string; alias: Alias; reason: string }, caller: Actor): Promise<void>
  /** The newest versions, newest first, at most 20. */
  newestVersions(project: string, model: string): Promise<ModelVersion[]>
  /** Throws `not_found` naming the latest version. */
  version(project: string, model: string, version: number): Promise<ModelVersion>
}

type Deps = { sql: Sql; blobs: Blobs; runtimes: Runtimes; clock: Clock; ledger: Ledger; bus: Bus }

export function createRegistry(deps: Deps): Registry {
  const { sql, blobs } = deps
  const aliases = createAliases(deps)
  const { moveAliasIn, removeAliasIn } = aliases

  return {
    ...aliases,
    newestVersions: (project, model) => store.listVersions(sql, project, model, 20),
    version: (project, model, version) => needVersion(sql, project, model, version),
    async champion(project, model, db = sql) {
      const alias = await store.findAlias(db, project, model, 'champion')
      return alias && (await store.findVersion(db, project, model, alias.version))
    },
    async uploadArtifact({ body, digest }) {
      return await blobs.put(body, { expectedDigest: digest })
    },
    registerVersion: createRegister(deps, aliases),
    async listModels({ limit }, caller) {
      return await store.listModels(sql, caller.project, limit)
    },
    async getModel({ model }, caller) {
      return await needModel(sql, caller.project, model)
    },
    async listVersions({ model, limit }, caller) {
      await needModel(sql, caller.project, model)
      return await store.listVersions(sql, caller.project, model, limit)
    },
    async getVersion({ model, version }, caller) {
      return await needVersion(sql, caller.project, model, version)
    },
    deleteVersion: createDelete(deps),
    async downloadArtifact({ model, version }, caller) {
      const found = await needVersion(sql, caller.project, model, version)
      const { stream, sizeBytes } = await blobs.get(found.digest)
      return { contentType: 'application/octet-stream', filename: `${model}-${version}.onnx`, sizeBytes, digest: found.digest, stream }
    },
    async moveAlias(move, caller) {
      return await sql.transaction((tx) => moveAliasIn(tx, move, caller))
    },
    async removeAlias({ model, alias, reason }, caller) {
      if (alias === 'champion') throw new AppError('conflict', 'a model keeps its champion; move the alias to another version instead')
      return await sql.transaction(async (tx) => {
        const record = await store.findAlias(tx, caller.project, model, alias)
        if (!record) throw new AppError('not_found', `model ${model} has no alias ${alias}`)
        await removeAliasIn(tx, { model, alias, reason }, caller)
        return record
      })
    },
  }
}

/** The verb that deletes a version, unless an alias stands on it or would go back to it. */
function createDelete({ sql, ledger }: Deps): Registry['deleteVersion'] {
  return async ({ model, version, reason }, caller) => {
    return await sql.transaction(async (tx) => {
      const found = await needVersion(tx, caller.project, model, version)
      const aliases = await store.listAliases(tx, caller.project, model)
      const holder = aliases.find((alias) => alias.version === version || alias.previousVersion === version)
      if (holder)
        throw new AppError(
          'conflict',
          `model ${model} version ${version} is ${holder.version === version ? `the ${holder.alias}` : `the rollback target of ${holder.alias}`} and cannot be deleted`,
        )
      await store.deleteVersion(tx, caller.project, model, version)
      await ledger.seal(tx, {
        caller,
        reason,
        operation: 'registry.deleteVersion',
        table: store.versionsTable,
        key: [caller.project, model, version],
      })
      return found
    })
  }
}
