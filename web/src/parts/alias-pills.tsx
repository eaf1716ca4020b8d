import type { AliasRecord } from '../../../src/contract/model-record.ts'
import { versionPath } from '../routes.ts'
import { Link } from './link.tsx'
import { Pill } from './notes.tsx'

/** Aliases with the versions they point at; the one that serves stands out. */
export function AliasPills({ aliases }: { aliases: readonly AliasRecord[] }) {
  return (
    <span className="pills">
      {aliases.map(({ model, alias, version }) => (
        <Link key={alias} to={versionPath(model, version)}>
          <AliasPill alias={`${alias} v${version}`} />
        </Link>
      ))}
    </span>
  )
}

export function AliasPill({ alias }: { alias: string }) {
  return <Pill tone={alias.startsWith('champion') ? 'good' : alias.startsWith('challenger') ? 'act' : 'plain'}>{alias}</Pill>
}
