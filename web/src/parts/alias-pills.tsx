import type { AliasRecord } from '../../../src/contract/model-record.ts'
import { versionPath } from '../routes.ts'
import { Link } from './link.tsx'
import { Pill, type Tone } from './notes.tsx'

const tones: Readonly<Record<string, Tone>> = { champion: 'good', challenger: 'act' }

/** Aliases with the versions they point at; what serves and what wants to stand out. */
export function AliasPills({ aliases }: { aliases: readonly AliasRecord[] }) {
  return (
    <span className="pills">
      {aliases.map(({ model, alias, version }) => (
        <Link key={alias} to={versionPath(model, version)}>
          <AliasPill alias={alias} version={version} />
        </Link>
      ))}
    </span>
  )
}

export function AliasPill({ alias, version }: { alias: string; version?: number }) {
  return <Pill tone={tones[alias] ?? 'plain'}>{version === undefined ? alias : `${alias} v${version}`}</Pill>
}
