import { useEffect } from 'react'
import type { Model } from '../../../src/contract/model-record.ts'
import { registry } from '../../../src/contract/registry.ts'
import { useConsole } from '../console.tsx'
import { AliasPill } from '../parts/alias-pills.tsx'
import { Crumbs } from '../parts/crumbs.tsx'
import { Instant } from '../parts/instant.tsx'
import { Link } from '../parts/link.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { Pairs } from '../parts/pairs.tsx'
import { Reigns } from '../parts/reigns.tsx'
import { Section } from '../parts/section.tsx'
import { VersionTable } from '../parts/version-table.tsx'
import { versionPath } from '../routes.ts'
import { useLive } from '../use-live.ts'

const SHOWN = 200

/** A registered model: its versions, the aliases that point at them, and which of them was champion when. */
export function ModelPage({ name }: { name: string }) {
  const { client, base } = useConsole()
  const live = { topics: ['registry'] as const, pollMs: 60_000 }
  const { value: model, error } = useLive(`${base}/model/${name}`, () => client.call(registry.getModel, { model: name }), live)
  const versions = useLive(`${base}/versions/${name}`, () => client.call(registry.listVersions, { model: name, limit: SHOWN }), live)
  useEffect(() => {
    document.title = `${name} · Setpoint`
  }, [name])
  return (
    <>
      <Crumbs above={[['/models', 'Models']]} here={name} />
      <div className="page-head">
        <h1>{name}</h1>
        {model?.description && <p className="dim">{model.description}</p>}
      </div>
      {error && <Problem error={error} what="This model" stale={model !== undefined} />}
      {!model && !error && <Skeleton rows={4} height={60} />}
      {model && (
        <div className="boxes">
          <Section title="Versions" wide aside={versions.value?.length === SHOWN && <span className="dim">the newest {SHOWN}</span>}>
            {versions.error && <Problem error={versions.error} what="The list" stale={versions.value !== undefined} />}
            {versions.value && <VersionTable versions={versions.value} />}
          </Section>
          <div className="column">
            <Section title="Aliases">
              <Aliases model={model} />
            </Section>
            <Section title="Tags">
              <Pairs pairs={Object.entries(model.tags)} none="No tag was set." />
            </Section>
          </div>
          <div className="column">
            <Section title="Champions">
              <Reigns model={name} />
            </Section>
          </div>
        </div>
      )}
    </>
  )
}

function Aliases({ model }: { model: Model }) {
  if (model.aliases.length === 0)
    return (
      <>
        <p className="dim">No alias points at a version. This makes version 1 the champion:</p>
        <pre>setpoint registry move-alias "{model.name}" champion --version 1 --reason "why"</pre>
      </>
    )
  return (
    <ul className="acts">
      {model.aliases.map((alias) => (
        <li key={alias.alias}>
          <AliasPill alias={alias.alias} /> <Link to={versionPath(model.name, alias.version)}>version {alias.version}</Link>{' '}
          {alias.previousVersion !== null && <span className="dim">before: {alias.previousVersion}</span>}
          <p>
            {alias.reason} <span className="dim">{alias.movedBy}</span> <Instant at={alias.movedAt} />
          </p>
        </li>
      ))}
    </ul>
  )
}
