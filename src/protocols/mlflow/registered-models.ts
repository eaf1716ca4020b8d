import type { Registry } from '../../modules/models/registry/index.ts'
import { int64, list, string } from './fields.ts'
import { modelFrom, stageFrom } from './registry-entities.ts'
import { atMost, checkedName, checkedTags, oneModel, oneTag, REASON, registryPath, tagFields } from './registry-rules.ts'
import { type Rpc, rpc } from './rpc.ts'

type Deps = { readonly registry: Registry }

const LATEST_STAGES = ['None', 'Staging', 'Production', 'Archived']
const MOST_SHOWN = 1_000

/** Registered models: a name, what people say of it, and the versions under it. */
export function registeredModelRpcs(deps: Deps): Rpc[] {
  return [...changes(deps), ...readings(deps), ...tagging(deps)]
}

/** A model as the protocol shows it: with the newest version of each stage. */
async function shown(registry: Registry, project: string, name: string) {
  const model = await registry.modelOf(project, name)
  return modelFrom(model, await registry.newestVersions(project, name, MOST_SHOWN))
}

function changes({ registry }: Deps): Rpc[] {
  return [
    rpc({
      name: 'createRegisteredModel',
      method: 'POST',
      paths: registryPath('registered-models/create'),
      scope: 'write',
      fields: { ...oneModel, tags: tagFields, description: string() },
      async handle({ name, tags: given, description = '' }, { caller }) {
        const created = { model: checkedName(name), description, tags: checkedTags(given), reason: REASON }
        return { registered_model: modelFrom(await registry.createModel(created, caller), []) }
      },
    }),
    rpc({
      name: 'renameRegisteredModel',
      method: 'POST',
      paths: registryPath('registered-models/rename'),
      scope: 'write',
      fields: { ...oneModel, new_name: string({ required: true }) },
      async handle({ name, new_name }, { caller }) {
        await registry.updateModel({ model: checkedName(name), name: checkedName(new_name), reason: REASON }, caller)
        return { registered_model: await shown(registry, caller.project, new_name) }
      },
    }),
    rpc({
      name: 'updateRegisteredModel',
      method: 'PATCH',
      paths: registryPath('registered-models/update'),
      scope: 'write',
      fields: { ...oneModel, description: string() },
      async handle({ name, description = '' }, { caller }) {
        await registry.updateModel({ model: checkedName(name), description, reason: REASON }, caller)
        return { registered_model: await shown(registry, caller.project, name) }
      },
    }),
    rpc({
      name: 'deleteRegisteredModel',
      method: 'DELETE',
      paths: registryPath('registered-models/delete'),
      scope: 'admin',
      fields: oneModel,
      async handle({ name }, { caller }) {
        await registry.deleteModel({ model: checkedName(name), reason: REASON }, caller)
        return {}
      },
    }),
  ]
}

function readings({ registry }: Deps): Rpc[] {
  return [
    rpc({
      name: 'getRegisteredModel',
      method: 'GET',
      paths: registryPath('registered-models/get'),
      scope: 'read',
      fields: oneModel,
      handle: async ({ name }, { caller }) => ({ registered_model: await shown(registry, caller.project, checkedName(name)) }),
    }),
    rpc({
      name: 'searchRegisteredModels',
      method: 'GET',
      paths: registryPath('registered-models/search'),
      scope: 'read',
      fields: { filter: string(), max_results: int64(), order_by: list(string()), page_token: string() },
      async handle({ filter, max_results = 100, order_by, page_token }, { caller }) {
        const search = { filter, orderBy: order_by, limit: atMost('max_results', max_results, 1_000), pageToken: page_token }
        const { models, nextPageToken } = await registry.findModels(caller.project, search)
        const registered_models = []
        for (const model of models)
          registered_models.push(modelFrom(model, await registry.newestVersions(caller.project, model.name, MOST_SHOWN)))
        return { registered_models, ...(nextPageToken && { next_page_token: nextPageToken }) }
      },
    }),
    ...(['GET', 'POST'] as const).map((method) =>
      rpc({
        name: 'getLatestVersions',
        method,
        paths: registryPath('registered-models/get-latest-versions'),
        scope: 'read',
        fields: { ...oneModel, stages: list(string()) },
        async handle({ name, stages = [] }, { caller }) {
          const { latest_versions } = await shown(registry, caller.project, checkedName(name))
          const wanted = (stages.length > 0 ? stages : LATEST_STAGES).map((stage) => stageFrom(stage).shown)
          return { model_versions: latest_versions.filter((version) => wanted.includes(version.current_stage)) }
        },
      }),
    ),
  ]
}

function tagging({ registry }: Deps): Rpc[] {
  return [
    rpc({
      name: 'setRegisteredModelTag',
      method: 'POST',
      paths: registryPath('registered-models/set-tag'),
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
      paths: registryPath('registered-models/delete-tag'),
      scope: 'write',
      fields: { ...oneModel, key: string({ required: true }) },
      async handle({ name, key }, { caller }) {
        await registry.updateModel({ model: checkedName(name), tags: { [key]: null }, reason: REASON }, caller)
        return {}
      },
    }),
  ]
}
