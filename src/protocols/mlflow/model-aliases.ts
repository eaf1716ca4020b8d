import { AppError } from '../../contract/errors.ts'
import type { Registry } from '../../modules/models/registry/index.ts'
import { string } from './fields.ts'
import { versionFrom } from './registry-entities.ts'
import { checkedAlias, checkedName, oneModel, REASON, registryPath, versionNumber } from './registry-rules.ts'
import { type Rpc, rpc } from './rpc.ts'

type Deps = { readonly registry: Registry }

const paths = registryPath('registered-models/alias')
const fields = { ...oneModel, alias: string({ required: true }) }

/** Names that point at versions; `latest` always means the newest. */
export function modelAliasRpcs({ registry }: Deps): Rpc[] {
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
