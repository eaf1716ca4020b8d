import { registry } from '../../../src/contract/registry.ts'
import { useConsole } from '../console.tsx'
import { versionPath } from '../routes.ts'
import { useLive } from '../use-live.ts'
import { Instant } from './instant.tsx'
import { Link } from './link.tsx'
import { Problem } from './notes.tsx'

/** When each version, or the one given, was champion, the newest first. */
export function Reigns({ model, version }: { model: string; version?: number }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/when/${model}`, () => client.call(registry.when, { model }), {
    topics: ['registry'],
    pollMs: 60_000,
  })
  const reigns = value?.filter((reign) => version === undefined || reign.version === version).toReversed()
  if (error) return <Problem error={error} what="The list" stale={value !== undefined} />
  if (reigns?.length === 0) return <p className="dim">{version === undefined ? 'There was no champion yet.' : 'It was never champion.'}</p>
  return (
    <ul className="acts">
      {reigns?.map((reign) => (
        <li key={reign.fromAt}>
          {version === undefined && (
            <>
              <Link to={versionPath(model, reign.version)}>version {reign.version}</Link>{' '}
            </>
          )}
          <Instant at={reign.fromAt} only="time" /> to {reign.untilAt === null ? <b>now</b> : <Instant at={reign.untilAt} only="time" />}
          <p>
            {reign.reason} <span className="dim">{reign.movedBy}</span>
          </p>
        </li>
      ))}
    </ul>
  )
}
