import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Model, ModelVersion } from '../../../contract/model-record.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { aliasesTable, deleteAlias, listAliases, saveAlias } from './alias-store.ts'
import { isSteering } from './aliases.ts'
import { needModel, needVersion } from './needed.ts'
import { checkTransition, policyOf } from './policy.ts'
import { nameTaken } from './prompts.ts'
import type { Registry } from './registry.ts'
import * as store from './store.ts'
import { toldTags } from './told-tags.ts'

type Deps = { sql: Sql; clock: Clock; ledger: Ledger; bus: Bus; documents: Documents }
type Tag = Readonly<Record<string, string | null>>
type Changes = Pick<Registry, 'createModel' | 'updateModel' | 'deleteModel' | 'updateVersion' | 'deleteVersion'>

const MOST_VERSIONS = 100_000

/** The verbs that change what the registry says of a model or a version; files of a version never change. */
export function createChanges(deps: Deps): Changes {
  const { sql, clock, ledger, bus, documents } = deps

  /** Seals a model’s row as it now stands, and tells whoever listens. */
  async function commitModel(
    tx: Tx,
    caller: Caller,
    name: string,
    act: { operation: string; event: string; reason: string },
    facts: object = {},
  ) {
    const { project, id } = caller
    await ledger.seal(tx, { caller, reason: act.reason, operation: act.operation, table: store.modelsTable, key: [project, name] })
    await bus.publish(tx, { name: act.event, project, subject: name, data: { model: name, by: id, ...facts } })
  }

  return {
    async createModel({ model, description, tags, reason }, caller) {
      const now = clock.now()
      const created: Model = {
        name: model,
        description,
        tags,
        createdAt: now,
        createdBy: caller.id,
        updatedAt: now,
        latestVersion: 0,
        aliases: [],
      }
      await sql.transaction(async (tx) => {
        if (!(await store.insertModel(tx, caller.project, created))) throw nameTaken(created, await needModel(tx, caller.project, model))
        const act = { operation: 'registry.createModel', event: 'registry.model_created', reason }
        await commitModel(tx, caller, model, act, toldTags(tags))
      })
      return created
    },

    async updateModel({ model, description, tags, name, reason }, caller) {
      if (name !== undefined && name !== model) await refuseServed(documents, caller.project, model, 'renamed')
      return await sql.transaction(async (tx) => {
        const before = await needModel(tx, caller.project, model)
        const now = clock.now()
        const after: Model = {
          ...before,
          description: description ?? before.description,
          tags: withTags(before.tags, tags),
          updatedAt: description === undefined && name === undefined ? before.updatedAt : now,
        }
        await store.saveModel(tx, caller.project, after)
        await commitModel(tx, caller, model, { operation: 'registry.updateModel', event: 'registry.model_updated', reason }, toldTags(tags))
        return name === undefined || name === model ? after : await rename(deps, tx, caller, after, name, reason)
      })
    },

    async deleteModel({ model, reason }, caller) {
      await refuseServed(documents, caller.project, model, 'deleted')
      return await sql.transaction(async (tx) => {
        const found = await needModel(tx, caller.project, model)
        const seal = { caller, reason, operation: 'registry.deleteModel' }
        for (const { alias } of found.aliases) {
          await deleteAlias(tx, caller.project, model, alias)
          await ledger.seal(tx, { ...seal, table: aliasesTable, key: [caller.project, model, alias] })
        }
        for (const { version } of await store.listVersions(tx, caller.project, model, MOST_VERSIONS)) {
          await store.deleteVersion(tx, caller.project, model, version)
          await ledger.seal(tx, { ...seal, table: store.versionsTable, key: [caller.project, model, version] })
        }
        await store.deleteModel(tx, caller.project, model)
        await commitModel(tx, caller, model, { operation: seal.operation, event: 'registry.model_deleted', reason })
        return found
      })
    },

    async updateVersion({ model, version, description, tags, stage, archiveOthers, reason }, caller) {
      const policy = await policyOf(documents, caller.project)
      return await sql.transaction(async (tx) => {
        const before = await needVersion(tx, caller.project, model, version)
        if (stage) checkTransition(policy, before.stage, stage)
        const now = clock.now()
        const after: ModelVersion = {
          ...before,
          description: description ?? before.description,
          tags: withTags(before.tags, tags),
          stage: stage ?? before.stage,
          updatedAt: description === undefined && !stage ? before.updatedAt : now,
        }
        const others = archiveOthers && stage ? await store.pageVersions(tx, caller.project, { model, stage }, MOST_VERSIONS) : []
        for (const other of others.filter((one) => one.version !== version))
          await save(deps, tx, caller, { ...other, stage: 'archived', updatedAt: now }, reason)
        await save(deps, tx, caller, after, reason, { ...toldTags(tags), ...(stage && { stage, from: before.stage }) })
        if (stage) await touch(deps, tx, caller, model, reason)
        return after
      })
    },

    async deleteVersion({ model, version, reason }, caller) {
      return await sql.transaction(async (tx) => {
        const found = await needVersion(tx, caller.project, model, version)
        const aliases = await listAliases(tx, caller.project, model)
        refuseHeld(aliases, model, version)
        const seal = { caller, reason, operation: 'registry.deleteVersion' }
        for (const { alias } of aliases.filter((one) => one.version === version)) {
          await deleteAlias(tx, caller.project, model, alias)
          await ledger.seal(tx, { ...seal, table: aliasesTable, key: [caller.project, model, alias] })
        }
        await store.deleteVersion(tx, caller.project, model, version)
        await ledger.seal(tx, { ...seal, table: store.versionsTable, key: [caller.project, model, version] })
        await touch(deps, tx, caller, model, reason)
        await bus.publish(tx, { name: 'registry.version_deleted', project: caller.project, subject: model, data: { model, version } })
        return found
      })
    },
  }
}

async function save(
  { ledger, bus }: Deps,
  tx: Tx,
  caller: Caller,
  version: ModelVersion,
  reason: string,
  facts: object = {},
): Promise<void> {
  const { model, version: number } = version
  await store.saveVersion(tx, caller.project, version)
  const key = [caller.project, model, number]
  await ledger.seal(tx, { caller, reason, operation: 'registry.updateVersion', table: store.versionsTable, key })
  const data = { model, version: number, by: caller.id, stage: version.stage, ...facts }
  await bus.publish(tx, { name: 'registry.version_updated', project: caller.project, subject: model, data })
}

/** A model counts as changed when a version of it changes its stage or goes away. */
async function touch({ clock, ledger }: Deps, tx: Tx, caller: Caller, model: string, reason: string): Promise<void> {
  const before = await needModel(tx, caller.project, model)
  await store.saveModel(tx, caller.project, { ...before, updatedAt: clock.now() })
  await ledger.seal(tx, { caller, reason, operation: 'registry.updateModel', table: store.modelsTable, key: [caller.project, model] })
}

/** Moves a model with its versions and aliases to another name; what the ledger knew under the old one stays there. */
async function rename({ ledger, bus }: Deps, tx: Tx, caller: Caller, model: Model, name: string, reason: string): Promise<Model> {
  const { project } = caller
  const renamed = { ...model, name }
  if (!(await store.insertModel(tx, project, renamed)))
    throw new AppError('conflict', `Registered Model (name=${name}) already exists`, { model: name })
  await store.saveModel(tx, project, renamed)
  const seal = { caller, reason, operation: 'registry.updateModel' }
  for (const version of await store.listVersions(tx, project, model.name, MOST_VERSIONS)) {
    await store.insertVersion(tx, project, { ...version, model: name })
    await store.deleteVersion(tx, project, model.name, version.version)
    for (const held of [model.name, name])
      await ledger.seal(tx, { ...seal, table: store.versionsTable, key: [project, held, version.version] })
  }
  for (const alias of model.aliases) {
    await saveAlias(tx, project, { ...alias, model: name })
    await deleteAlias(tx, project, model.name, alias.alias)
    for (const held of [model.name, name]) await ledger.seal(tx, { ...seal, table: aliasesTable, key: [project, held, alias.alias] })
  }
  await store.deleteModel(tx, project, model.name)
  for (const held of [model.name, name]) await ledger.seal(tx, { ...seal, table: store.modelsTable, key: [project, held] })
  await bus.publish(tx, { name: 'registry.model_renamed', project, subject: name, data: { model: name, from: model.name, by: caller.id } })
  return { ...renamed, aliases: model.aliases.map((alias) => ({ ...alias, model: name })) }
}

function withTags(before: Readonly<Record<string, string>>, change: Tag | undefined): Record<string, string> {
  const merged = Object.entries({ ...before, ...change })
  return Object.fromEntries(merged.filter((tag): tag is [string, string] => tag[1] !== null))
}

/** A deployment names its model; the model must stay there under that name. */
async function refuseServed(documents: Documents, project: string, model: string, what: string): Promise<void> {
  const serving = (await documents.all('Deployment', project)).find((deployment) => deployment.spec.model === model)
  if (!serving) return
  const { name } = serving.metadata
  throw new AppError('conflict', `model ${model} cannot be ${what} while deployment ${name} serves it; delete the deployment first`, {
    errorCode: 'INVALID_STATE',
  })
}

/** What serves, challenges, or would be gone back to cannot be deleted. */
function refuseHeld(aliases: Model['aliases'], model: string, version: number): void {
  const holder = aliases.find(
    ({ alias, version: current, previousVersion }) => isSteering(alias) && (current === version || previousVersion === version),
  )
  if (!holder) return
  const role = holder.version === version ? `the ${holder.alias}` : `the rollback target of ${holder.alias}`
  throw new AppError('conflict', `model ${model} version ${version} is ${role} and cannot be deleted`, { errorCode: 'INVALID_STATE' })
}
