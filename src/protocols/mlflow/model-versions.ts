import { AppError } from '../../contract/errors.ts'
import type { ModelVersion } from '../../contract/model-record.ts'
import type { Registry } from '../../modules/models/registry/index.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { bool, int64, list, string } from './fields.ts'
import { PROMPT_TAG, stageFrom, versionFrom } from './registry-entities.ts'
import {
  atMost,
  checkedName,
  checkedTags,
  oneModel,
  oneTag,
  oneVersion,
  REASON,
  registryPath,
  tagFields,
  versionNumber,
} from './registry-rules.ts'
import { type Rpc, rpc } from './rpc.ts'

type Deps = { readonly registry: Registry; readonly runs: Runs }

const VERSIONS_TAG = 'mlflow.modelVersions'
const unchanged = { archiveOthers: false, reason: REASON }

/** Versions of registered models: made once, then only described, tagged and moved between stages. */
export function modelVersionRpcs(deps: Deps): Rpc[] {
  return [...creation(deps), ...readings(deps), ...changes(deps), ...tagging(deps)]
}

function creation({ registry, runs }: Deps): Rpc[] {
  return [
    rpc({
      name: 'createModelVersion',
      method: 'POST',
      paths: registryPath('model-versions/create'),
      scope: 'write',
      fields: {
        ...oneModel,
        source: string({ required: true }),
        run_id: string(),
        tags: tagFields,
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

function readings({ registry }: Deps): Rpc[] {
  return [
    rpc({
      name: 'getModelVersion',
      method: 'GET',
      paths: registryPath('model-versions/get'),
      scope: 'read',
      fields: oneVersion,
      async handle({ name, version }, { caller }) {
        return { model_version: versionFrom(await registry.version(caller.project, checkedName(name), versionNumber(version))) }
      },
    }),
    rpc({
      name: 'getModelVersionDownloadUri',
      method: 'GET',
      paths: registryPath('model-versions/get-download-uri'),
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
      paths: registryPath('model-versions/search'),
      scope: 'read',
      fields: { filter: string(), max_results: int64(), order_by: list(string()), page_token: string() },
      async handle({ filter, max_results = 10_000, order_by, page_token }, { caller }) {
        const search = { filter, orderBy: order_by, limit: atMost('max_results', max_results, 200_000), pageToken: page_token }
        const { versions, nextPageToken } = await registry.findVersions(caller.project, search)
        return { model_versions: versions.map(versionFrom), ...(nextPageToken && { next_page_token: nextPageToken }) }
      },
    }),
  ]
}

function changes({ registry }: Deps): Rpc[] {
  return [
    rpc({
      name: 'updateModelVersion',
      method: 'PATCH',
      paths: registryPath('model-versions/update'),
      scope: 'write',
      fields: { ...oneVersion, description: string() },
      async handle({ name, version, description = '' }, { caller }) {
        const key = { model: checkedName(name), version: versionNumber(version) }
        return { model_version: versionFrom(await registry.updateVersion({ ...key, ...unchanged, description }, caller)) }
      },
    }),
    rpc({
      name: 'transitionModelVersionStage',
      method: 'POST',
      paths: registryPath('model-versions/transition-stage'),
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
      paths: registryPath('model-versions/delete'),
      scope: 'admin',
      fields: oneVersion,
      async handle({ name, version }, { caller }) {
        await registry.deleteVersion({ model: checkedName(name), version: versionNumber(version), reason: REASON }, caller)
        return {}
      },
    }),
  ]
}

function tagging({ registry }: Deps): Rpc[] {
  return [
    rpc({
      name: 'setModelVersionTag',
      method: 'POST',
      paths: registryPath('model-versions/set-tag'),
      scope: 'write',
      fields: { ...oneVersion, ...oneTag },
      async handle({ name, version, key, value = '' }, { caller }) {
        const tagged = { model: checkedName(name), version: versionNumber(version), tags: checkedTags([{ key, value }]) }
        await registry.updateVersion({ ...tagged, ...unchanged }, caller)
        return {}
      },
    }),
    rpc({
      name: 'deleteModelVersionTag',
      method: 'DELETE',
      paths: registryPath('model-versions/delete-tag'),
      scope: 'write',
      fields: { ...oneVersion, key: string({ required: true }) },
      async handle({ name, version, key }, { caller }) {
        const tagged = { model: checkedName(name), version: versionNumber(version), tags: { [key]: null } }
        await registry.updateVersion({ ...tagged, ...unchanged }, caller)
        return {}
      },
    }),
  ]
}
