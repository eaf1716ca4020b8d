import { registry } from '../../../src/contract/registry.ts'
import { useConsole } from '../console.tsx'
import { versionPath } from '../routes.ts'
import { useLive } from '../use-live.ts'
import { AliasPill } from './alias-pills.tsx'
import { Link } from './link.tsx'
import { Problem } from './notes.tsx'

/** What would be touched if a version were taken away: deployments that serve or try it, and versions made from it. */
export function StandsOn({ model, version }: { model: string; version: number }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/lineage/${model}/${version}`, () => client.call(registry.getLineage, { model, version }), {
    topics: ['registry', 'deployments'],
    pollMs: 60_000,
  })
  if (error) return <Problem error={error} what="The list" stale={value !== undefined} />
  if (!value) return null
  const { deployments, versions } = value.downstream
  if (deployments.length + versions.length === 0) return <p className="dim">Nothing stands on it.</p>
  return (
    <ul className="plain-list">
      {deployments.map(({ name, alias }) => (
        <li key={`${name}/${alias}`}>
          deployment <Link to="/">{name}</Link> <AliasPill alias={alias} />
        </li>
      ))}
      {versions.map((other) => (
        <li key={`${other.model}/${other.version}`}>
          <Link to={versionPath(other.model, other.version)}>
            {other.model} v{other.version}
          </Link>{' '}
          <span className="dim">{other.relation}</span>
        </li>
      ))}
    </ul>
  )
}
