import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Alias, AliasRecord, Model, ModelVersion, registry } from '../../../contract/registry.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Runtimes } from '../../serving/runtimes/index.ts'
import { factsFromOnnx } from './onnx-facts.ts'
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

const READ_LIMIT_BYTES = 512 * 1024 * 1024

export function createRegistry(deps: { sql: Sql; blobs: Blobs; runtimes: Runtimes; clock: Clock; ledger: Ledger; bus: Bus }): Registry {
  const { sql, blobs, runtimes, clock, ledger, bus } = deps

  async function needVersion(db: Db, project: string, model: string, version: number): Promise<ModelVersion> {
    const found = await store.findVersion(db, project, model, version)
    if (found) return found
    const known = await store.findModel(db, project, model)
    if (!known) throw new AppError('not_found', `project ${project} has no model ${model}; see "setpoint registry list-models"`, { model })
    throw new AppError('not_found', `model ${model} has no version ${version}; the latest is ${known.latestVersion}`, { model, version })
  }

  async function needModel(project: string, model: string): Promise<Model> {
    const found = await store.findModel(sql, project, model)
    if (!found) throw new AppError('not_found', `project ${project} has no model ${model}; see "setpoint registry list-models"`, { model })
    return found
  }

  async function moveAliasIn(
    tx: Tx,
    move: { model: string; alias: Alias; version: number; reason: string },
    caller: Actor,
  ): Promise<AliasRecord> {
    const { model, alias, version, reason } = move
    await needVersion(tx, caller.project, model, version)
    const before = await store.findAlias(tx, caller.project, model, alias)
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
    await store.saveAlias(tx, caller.project, record)
    await ledger.seal(tx, {
      caller,
      reason,
      operation: 'registry.moveAlias',
      table: store.aliasesTable,
      key: [caller.project, model, alias],
    })
    await bus.publish(tx, {
      name: 'registry.alias_moved',
      project: caller.project,
      subject: model,
      data: { model, alias, version, previousVersion: record.previousVersion, by: caller.id, reason },
    })
    return record
  }

  async function removeAliasIn(
    tx: Tx,
    { model, alias, reason }: { model: string; alias: Alias; reason: string },
    caller: Actor,
  ): Promise<void> {
    if (!(await store.findAlias(tx, caller.project, model, alias))) return
    await store.deleteAlias(tx, caller.project, model, alias)
    await ledger.seal(tx, {
      caller,
      reason,
      operation: 'registry.removeAlias',
      table: store.aliasesTable,
      key: [caller.project, model, alias],
    })
    await bus.publish(tx, {
      name: 'registry.alias_removed',
      project: caller.project,
      subject: model,
      data: { model, alias, by: caller.id, reason },
    })
  }

  return {
    moveAliasIn,
    removeAliasIn,
    newestVersions: (project, model) => store.listVersions(sql, project, model, 20),
    version: (project, model, version) => needVersion(sql, project, model, version),
    async champion(project, model, db = sql) {
      const alias = await store.findAlias(db, project, model, 'champion')
      return alias && (await store.findVersion(db, project, model, alias.version))
    },
    async uploadArtifact({ body, digest }) {
      return await blobs.put(body, { expectedDigest: digest })
    },
    async registerVersion(input, caller) {
      const { facts, sizeBytes } = await inspect(input.artifact, input.features)
      if (input.reference !== undefined && !(await blobs.has(input.reference)))
        throw new AppError(
          'not_found',
          `the reference rows ${input.reference} were never uploaded; use "setpoint registry upload-artifact" first`,
        )
      return await sql.transaction(async (tx) => {
        const now = clock.now()
        const number = await store.takeVersionNumber(tx, caller.project, input.model, now)
        const version: ModelVersion = { ...versionFrom(input, caller, now), version: number, sizeBytes, facts }
        await store.insertVersion(tx, caller.project, version)
        const entry = { caller, reason: input.reason, operation: 'registry.registerVersion' }
        await ledger.seal(tx, { ...entry, table: store.modelsTable, key: [caller.project, input.model] })
        await ledger.seal(tx, { ...entry, table: store.versionsTable, key: [caller.project, input.model, number] })
        await bus.publish(tx, {
          name: 'registry.version_registered',
          project: caller.project,
          subject: input.model,
          data: { model: input.model, version: number, training: input.training ?? null },
        })
        if (input.alias === 'champion' && (await store.findAlias(tx, caller.project, input.model, 'champion')))
          throw new AppError(
            'conflict',
            `model ${input.model} has a champion already; register without an alias and let a rollout promote the version, or use "setpoint registry move-alias"`,
          )
        if (input.alias) await moveAliasIn(tx, { model: input.model, alias: input.alias, version: number, reason: input.reason }, caller)
        return { ...version, aliases: input.alias ? [input.alias] : [] }
      })
    },
    async listModels({ limit }, caller) {
      return await store.listModels(sql, caller.project, limit)
    },
    async getModel({ model }, caller) {
      return await needModel(caller.project, model)
    },
    async listVersions({ model, limit }, caller) {
      await needModel(caller.project, model)
      return await store.listVersions(sql, caller.project, model, limit)
    },
    async getVersion({ model, version }, caller) {
      return await needVersion(sql, caller.project, model, version)
    },
    async deleteVersion({ model, version, reason }, caller) {
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
    },
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

  async function inspect(digest: string, features: readonly string[]) {
    if (!(await blobs.has(digest)))
      throw new AppError('not_found', `no file with digest ${digest} was uploaded; use "setpoint registry upload-artifact" first`)
    const { stream, sizeBytes } = await blobs.get(digest)
    if (sizeBytes > READ_LIMIT_BYTES)
      throw new AppError('too_large', `the file has ${sizeBytes} bytes; at most ${READ_LIMIT_BYTES} can be opened here`)
    const chunks: Uint8Array[] = []
    for await (const chunk of stream) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    const facts = factsFromOnnx(bytes)
    const width = facts.inputs[0]?.shape.at(-1) ?? -1
    if (width !== -1 && width !== features.length)
      throw new AppError(
        'invalid',
        `features: ${features.length} names were given, but the model’s input ${facts.inputs[0]!.name} has ${width} columns`,
      )
    await runtimes.probe(bytes, features.length)
    return { facts, sizeBytes }
  }
}

type Registration = Parameters<Registry['registerVersion']>[0]

function versionFrom(input: Registration, caller: Caller, nowMs: number): Omit<ModelVersion, 'version' | 'facts' | 'sizeBytes'> {
  const manifest = {
    commit: input.commit ?? null,
    dataSnapshot: input.dataSnapshot ?? null,
    parent: input.parent ?? null,
    training: input.training ?? null,
  }
  const missing = [
    [input.reference, 'no reference rows: drift cannot be watched'],
    [input.evaluation, 'no evaluation report'],
    [input.owner, 'no owner'],
    [input.commit, 'no code commit'],
    [input.dataSnapshot, 'no data snapshot'],
  ] as const
  return {
    model: input.model,
    digest: input.artifact,
    format: 'onnx',
    features: input.features,
    reference: input.reference ?? null,
    evaluation: input.evaluation ?? null,
    manifest,
    owner: input.owner ?? caller.id,
    tags: input.tags,
    warnings: missing.filter(([value]) => value === undefined).map(([, warning]) => warning),
    aliases: [],
    createdAt: nowMs,
    createdBy: caller.id,
  }
}
