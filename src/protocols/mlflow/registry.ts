import { AppError } from '../../contract/errors.ts'
import type { ModelVersion } from '../../contract/model-record.ts'
import type { Registry } from '../../modules/models/registry/index.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { bool, int64, list, message, string } from './fields.ts'
import { modelFrom, PROMPT_TAG, stageFrom, versionFrom } from './registry-entities.ts'
import { checkedAlias, checkedName, checkedTags, versionNumber } from './registry-rules.ts'
import { type Rpc, rpc } from './rpc.ts'

const at = (path: string) => [`/api/2.0/mlflow/${path}`]
const tags = list(message({ key: string({ required: true }), value: string() }))
const oneModel = { name: string({ required: true }) }
const oneVersion = { ...oneModel, version: string({ required: true }) }
const oneTag = { key: string({ required: true }), value: string() }
const VERSIONS_TAG = 'mlflow.modelVersions'
const REASON = 'asked by an MLflow client'
const LATEST_STAGES = ['None', 'Staging', 'Production', 'Archived']

type Deps = { readonly registry: Registry; readonly runs: Runs }

/** Registered models, their versions, stages, aliases and tags: two views of one record of the registry. */
export function registryRpcs(deps: Deps): Rpc[] {
  return [...modelRpcs(deps), ...versionRpcs(deps), ...aliasRpcs(deps)]
}

function modelRpcs({ registry }: Deps): Rpc[] {
  /** A model as the protocol shows it: with the newest version of each stage. */
  async function shown(project: string, name: string) {
    const model = await registry.modelOf(project, name)
    return modelFrom(model, await registry.newestVersions(project, name, 1_000))
  }
  return [
    rpc({
      name: 'createRegisteredModel',
      method: 'POST',
      paths: at('registered-models/create'),
      scope: 'write',
      fields: { ...oneModel, tags, description: string() },
      async handle({ name, tags: given, description = '' }, { caller }) {
        const created = { model: checkedName(name), description, tags: checkedTags(given), reason: REASON }
        return { registered_model: modelFrom(await registry.createModel(created, caller), []) }
      },
    }),
    rpc({
      name: 'renameRegisteredModel',
      method: 'POST',
      paths: at('registered-models/rename'),
      scope: 'write',
      fields: { ...oneModel, new_name: string({ required: true }) },
      async handle({ name, new_name }, { caller }) {
        await registry.updateModel({ model: checkedName(name), name: checkedName(new_name), reason: REASON }, caller)
        return { registered_model: await shown(caller.project, new_name) }
      },
    }),
    rpc({
      name: 'updateRegisteredModel',
      method: 'PATCH',
      paths: at('registered-models/update'),
      scope: 'write',
      fields: { ...oneModel, description: string() },
      async handle({ name, description = '' }, { caller }) {
        await registry.updateModel({ model: checkedName(name), description, reason: REASON }, caller)
        return { registered_model: await shown(caller.project, name) }
      },
    }),
    rpc({
      name: 'deleteRegisteredModel',
      method: 'DELETE',
      paths: at('registered-models/delete'),
      scope: 'write',
      fields: oneModel,
      async handle({ name }, { caller }) {
        await registry.deleteModel({ model: checkedName(name), reason: REASON }, caller)
        return {}
      },
    }),
    rpc({
      name: 'getRegisteredModel',
      method: 'GET',
      paths: at('registered-models/get'),
      scope: 'read',
      fields: oneModel,
      handle: async ({ name }, { caller }) => ({ registered_model: await shown(caller.project, checkedName(name)) }),
    }),
    rpc({
      name: 'searchRegisteredModels',
      method: 'GET',
      paths: at('registered-models/search'),
      scope: 'read',
      fields: { filter: string(), max_results: int64(), order_by: list(string()), page_token: string() },
      async handle({ filter, max_results = 100, order_by, page_token }, { caller }) {
        const search = { filter, orderBy: order_by, limit: atMost('max_results', max_results, 1_000), pageToken: page_token }
        const { models, nextPageToken } = await registry.findModels(caller.project, search)
        const registered_models = []
        for (const model of models)
          registered_models.push(modelFrom(model, await registry.newestVersions(caller.project, model.name, 1_000)))
        return { registered_models, ...(nextPageToken && { next_page_token: nextPageToken }) }
      },
    }),
    ...(['GET', 'POST'] as const).map((method) =>
      rpc({
        name: 'getLatestVersions',
        method,
        paths: at('registered-models/get-latest-versions'),
        scope: 'read',
        fields: { ...oneModel, stages: list(string()) },
        async handle({ name, stages = [] }, { caller }) {
          const { latest_versions } = await shown(caller.project, checkedName(name))
          const wanted = (stages.length > 0 ? stages : LATEST_STAGES).map((stage) => stageFrom(stage).shown)
          return { model_versions: latest_versions.filter((version) => wanted.includes(version.current_stage)) }
        },
      }),
    ),
    rpc({
      name: 'setRegisteredModelTag',
      method: 'POST',
      paths: at('registered-models/set-tag'),
      scope: 'write',
      fields: { ...oneModel, ...oneTag },
      async handle({ name, key, value = '' }, { caller }) {
        await registry.updateModel({ model: checkedName(name), tags: checkedTags([{ key, value }]), reason: REASON }, caller)
        return {}
      },
    }),
    rpc({
      name: 'deleteRegisteredModelTag',
      method: 'DELETE',
      paths: at('registered-models/delete-tag'),
      scope: 'write',
      fields: { ...oneModel, key: string({ required: true }) },
      async handle({ name, key }, { caller }) {
        await registry.updateModel({ model: checkedName(name), tags: { [key]: null }, reason: REASON }, caller)
        return {}
      },
    }),
  ]
}

function versionRpcs({ registry, runs }: Deps): Rpc[] {
  const change = { archiveOthers: false, reason: REASON }
  return [
    rpc({
      name: 'createModelVersion',
      method: 'POST',
      paths: at('model-versions/create'),
      scope: 'write',
      fields: {
        ...oneModel,
        source: string({ required: true }),
        run_id: string(),
        tags,
        run_link: string(),
        description: string(),
        model_id: string(),
      },
      async handle({ name, source, run_id, tags: given, run_link, description = '', model_id }, { caller }) {
        const found = await registry.getModel({ model: checkedName(name) }, caller)
        const marks = checkedTags(given)
        const prompt = marks[PROMPT_TAG]?.toLowerCase() === 'true'
        if (prompt) checkPromptSource(source)
        const registration = {
          model: found.name,
          source,
          prompt,
          tags: marks,
          description,
          ...(run_id && { runId: run_id }),
          ...(run_link && { runLink: run_link }),
          ...(model_id && { loggedModel: model_id }),
          reason: REASON,
        }
        const version = await registry.registerVersion(registration, caller)
        if (model_id) await markLoggedModel(runs, caller.project, model_id, version)
        return { model_version: versionFrom(version) }
      },
    }),
    rpc({
      name: 'getModelVersion',
      method: 'GET',
      paths: at('model-versions/get'),
      scope: 'read',
      fields: oneVersion,
      async handle({ name, version }, { caller }) {
        return { model_version: versionFrom(await registry.version(caller.project, checkedName(name), versionNumber(version))) }
      },
    }),
    rpc({
      name: 'updateModelVersion',
      method: 'PATCH',
      paths: at('model-versions/update'),
      scope: 'write',
      fields: { ...oneVersion, description: string() },
      async handle({ name, version, description = '' }, { caller }) {
        const key = { model: checkedName(name), version: versionNumber(version) }
        return { model_version: versionFrom(await registry.updateVersion({ ...key, ...change, description }, caller)) }
      },
    }),
    rpc({
      name: 'transitionModelVersionStage',
      method: 'POST',
      paths: at('model-versions/transition-stage'),
      scope: 'write',
      fields: { ...oneVersion, stage: string({ required: true }), archive_existing_versions: bool() },
      async handle({ name, version, stage, archive_existing_versions: archiveOthers = false }, { caller }) {
        const to = stageFrom(stage)
        if (archiveOthers && !to.active)
          throw new AppError(
            'invalid',
            `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
          )
        const key = { model: checkedName(name), version: versionNumber(version) }
        return {
          model_version: versionFrom(await registry.updateVersion({ ...key, stage: to.stage, archiveOthers, reason: REASON }, caller)),
        }
      },
    }),
    rpc({
      name: 'deleteModelVersion',
      method: 'DELETE',
      paths: at('model-versions/delete'),
      scope: 'write',
      fields: oneVersion,
      async handle({ name, version }, { caller }) {
        await registry.deleteVersion({ model: checkedName(name), version: versionNumber(version), reason: REASON }, caller)
        return {}
      },
    }),
    rpc({
      name: 'getModelVersionDownloadUri',
      method: 'GET',
      paths: at('model-versions/get-download-uri'),
      scope: 'read',
      fields: oneVersion,
      async handle({ name, version }, { caller }) {
        const found = await registry.version(caller.project, checkedName(name), versionNumber(version))
        return { artifact_uri: found.storage ?? found.source ?? '' }
      },
    }),
    rpc({
      name: 'searchModelVersions',
      method: 'GET',
      paths: at('model-versions/search'),
      scope: 'read',
      fields: { filter: string(), max_results: int64(), order_by: list(string()), page_token: string() },
      async handle({ filter, max_results = 10_000, order_by, page_token }, { caller }) {
        const search = { filter, orderBy: order_by, limit: atMost('max_results', max_results, 200_000), pageToken: page_token }
        const { versions, nextPageToken } = await registry.findVersions(caller.project, search)
        return { model_versions: versions.map(versionFrom), ...(nextPageToken && { next_page_token: nextPageToken }) }
      },
    }),
    rpc({
      name: 'setModelVersionTag',
      method: 'POST',
      paths: at('model-versions/set-tag'),
      scope: 'write',
      fields: { ...oneVersion, ...oneTag },
      async handle({ name, version, key, value = '' }, { caller }) {
        const tagged = { model: checkedName(name), version: versionNumber(version), tags: checkedTags([{ key, value }]) }
        await registry.updateVersion({ ...tagged, ...change }, caller)
        return {}
      },
    }),
    rpc({
      name: 'deleteModelVersionTag',
      method: 'DELETE',
      paths: at('model-versions/delete-tag'),
      scope: 'write',
      fields: { ...oneVersion, key: string({ required: true }) },
      async handle({ name, version, key }, { caller }) {
        const tagged = { model: checkedName(name), version: versionNumber(version), tags: { [key]: null } }
        await registry.updateVersion({ ...tagged, ...change }, caller)
        return {}
      },
    }),
  ]
}

function aliasRpcs({ registry }: Deps): Rpc[] {
  const paths = at('registered-models/alias')
  const fields = { ...oneModel, alias: string({ required: true }) }
  return [
    rpc({
      name: 'setRegisteredModelAlias',
      method: 'POST',
      paths,
      scope: 'write',
      fields: { ...fields, version: string({ required: true }) },
      async handle({ name, alias, version }, { caller }) {
        const move = { model: checkedName(name), alias: checkedAlias(alias), version: versionNumber(version), reason: REASON }
        await registry.moveAlias(move, caller)
        return {}
      },
    }),
    rpc({
      name: 'deleteRegisteredModelAlias',
      method: 'DELETE',
      paths,
      scope: 'write',
      fields,
      async handle({ name, alias }, { caller }) {
        const { aliases } = await registry.getModel({ model: checkedName(name) }, caller)
        const held = aliases.some((one) => one.alias === alias)
        if (held) await registry.removeAlias({ model: name, alias: checkedAlias(alias), reason: REASON }, caller)
        return {}
      },
    }),
    rpc({
      name: 'getModelVersionByAlias',
      method: 'GET',
      paths,
      scope: 'read',
      fields,
      async handle({ name, alias }, { caller }) {
        const { aliases } = await registry.getModel({ model: checkedName(name) }, caller)
        const latest = alias.toLowerCase() === 'latest'
        const number = latest ? undefined : aliases.find((one) => one.alias === alias)?.version
        if (!latest && number === undefined) throw new AppError('invalid', `Registered model alias ${alias} not found.`)
        const found = latest
          ? await registry.resolveRevision(caller.project, name, 'latest')
          : await registry.version(caller.project, name, number!)
        return { model_version: versionFrom(found) }
      },
    }),
  ]
}

/** A logged model lists the versions made of it in a tag, as clients read it. */
async function markLoggedModel(runs: Runs, project: string, modelId: string, version: ModelVersion): Promise<void> {
  const logged = await runs.loggedModel(project, modelId)
  if (!logged) return
  const listed = logged.tags.find(({ key }) => key === VERSIONS_TAG)?.value.replace(/^\[|\]$/g, '')
  const mark = `{"name": ${JSON.stringify(version.model)}, "version": ${version.version}}`
  await runs.setLoggedModelTags(project, modelId, [{ key: VERSIONS_TAG, value: `[${[listed, mark].filter(Boolean).join(', ')}]` }])
}

const promptSources = ['prompt-template', 'dummy-source']

function checkPromptSource(source: string): void {
  if (promptSources.includes(source)) return
  throw new AppError('invalid', `Invalid prompt source: '${source}'. Prompt sources must use an MLflow placeholder.`)
}

function atMost(name: string, value: number, most: number): number {
  if (value >= 1 && value <= most) return value
  throw new AppError(
    'invalid',
    `Invalid value ${value} for parameter '${name}' supplied: It must be at most ${most}, but got value ${value}`,
  )
}
