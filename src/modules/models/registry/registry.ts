import { Readable } from 'node:stream'
import type { z } from 'zod'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Alias, AliasRecord, Model, ModelVersion } from '../../../contract/model-record.ts'
import type { registry } from '../../../contract/registry.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Runtimes } from '../../serving/runtimes/index.ts'
import { findAlias } from './alias-store.ts'
import { createAliases } from './aliases.ts'
import { createAudit } from './audit.ts'
import { cardOf } from './card.ts'
import { createChanges } from './changes.ts'
import { lineageOf } from './lineage.ts'
import { needModel, needVersion } from './needed.ts'
import { resolveRevision } from './origin.ts'
import type { Places } from './places.ts'
import { createRegister } from './register.ts'
import { createSearch, type Found, type Search } from './search.ts'
import { suggestVersion } from './semantic-version.ts'
import * as store from './store.ts'

type Actor = Pick<Caller, 'id' | 'project'>

/** A registration, with what only a protocol knows of it. */
export type Registration = z.output<typeof registry.registerVersion.input> & {
  /** A prompt: it has no files, and its text is one of its tags. */
  readonly prompt?: boolean
  readonly loggedModel?: string
  readonly runLink?: string
}

export type Registry = Omit<Verbs<typeof registry>, 'registerVersion'> & {
  registerVersion(input: Registration, caller: Caller): Promise<ModelVersion>
  /** The champion, read inside the transaction of `db` where one is given. */
  champion(project: string, model: string, db?: Db): Promise<ModelVersion | undefined>
  /** Moves an alias as part of a larger change. Throws `not_found` when the version is not there. */
  moveAliasIn(tx: Tx, move: { model: string; alias: Alias; version: number; reason: string }, caller: Actor): Promise<AliasRecord>
  removeAliasIn(tx: Tx, removal: { model: string; alias: Alias; reason: string }, caller: Actor): Promise<void>
  /** The newest versions, newest first, at most `limit`. */
  newestVersions(project: string, model: string, limit?: number): Promise<ModelVersion[]>
  /** A model with its aliases. Throws `not_found`. */
  modelOf(project: string, model: string): Promise<Model>
  /** Throws `not_found` naming the latest version. */
  version(project: string, model: string, version: number): Promise<ModelVersion>
  /** The version that a number, an alias, `latest` or `main` means. Throws `not_found` naming what the model has. */
  resolveRevision(project: string, model: string, revision: string): Promise<ModelVersion>
  /** Pages of what a filter finds. Throws `invalid` for a filter or an ordering that cannot be read. */
  findModels(project: string, search: Search): Promise<Found<'models'>>
  findVersions(project: string, search: Search): Promise<Found<'versions'>>
}

type Deps = {
  sql: Sql
  blobs: Blobs
  runtimes: Runtimes
  clock: Clock
  ledger: Ledger
  bus: Bus
  documents: Documents
  places: Places
}

export function createRegistry(deps: Deps): Registry {
  const { sql, blobs, ledger } = deps
  const aliases = createAliases(deps)
  const { moveAliasIn, removeAliasIn } = aliases
  const search = createSearch(sql)

  return {
    ...aliases,
    ...createChanges(deps),
    ...createAudit({ sql, ledger }),
    ...search,
    newestVersions: (project, model, limit = 20) => store.listVersions(sql, project, model, limit),
    modelOf: (project, model) => needModel(sql, project, model),
    version: (project, model, version) => needVersion(sql, project, model, version),
    resolveRevision: (project, model, revision) => resolveRevision(sql, project, model, revision),
    async champion(project, model, db = sql) {
      const alias = await findAlias(db, project, model, 'champion')
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
    async downloadArtifact({ model, version }, caller) {
      const { digest, format } = await needVersion(sql, caller.project, model, version)
      if (digest === null)
        throw new AppError(
          'unsupported',
          `model ${model} version ${version} is a ${format}, not one ONNX file; download its folder instead`,
        )
      const { stream, sizeBytes } = await blobs.get(digest)
      return { contentType: 'application/octet-stream', filename: `${model}-${version}.onnx`, sizeBytes, digest, stream }
    },
    async moveAlias(move, caller) {
      return await sql.transaction((tx) => moveAliasIn(tx, move, caller))
    },
    async removeAlias({ model, alias, reason }, caller) {
      if (alias === 'champion') throw new AppError('conflict', 'a model keeps its champion; move the alias to another version instead')
      return await sql.transaction(async (tx) => {
        const record = await findAlias(tx, caller.project, model, alias)
        if (!record) throw new AppError('not_found', `model ${model} has no alias ${alias}`)
        await removeAliasIn(tx, { model, alias, reason }, caller)
        return record
      })
    },
    async searchModels({ filter, limit }, caller) {
      return (await search.findModels(caller.project, { filter, limit })).models
    },
    async searchVersions({ filter, limit }, caller) {
      return (await search.findVersions(caller.project, { filter, limit })).versions
    },
    async getLineage({ model, version }, caller) {
      return await lineageOf(deps, caller.project, model, version)
    },
    async suggestVersion({ model, version, since }, caller) {
      return await suggestVersion(sql, caller.project, model, version, since)
    },
    async getCard({ model, version, format }, caller) {
      const card = cardOf(await needModel(sql, caller.project, model), await needVersion(sql, caller.project, model, version))
      const markdown = format === 'markdown'
      return {
        contentType: markdown ? 'text/markdown; charset=utf-8' : 'application/json',
        filename: `${model}-${version}.${markdown ? 'md' : 'json'}`,
        stream: Readable.from([Buffer.from(markdown ? card.markdown : JSON.stringify(card.facts, null, 2))]),
      }
    },
  }
}
