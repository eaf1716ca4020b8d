import { useEffect } from 'react'
import type { ModelVersion } from '../../../src/contract/model-record.ts'
import { registry } from '../../../src/contract/registry.ts'
import { useConsole } from '../console.tsx'
import { AliasPill } from '../parts/alias-pills.tsx'
import { Crumbs } from '../parts/crumbs.tsx'
import { EvaluationTable } from '../parts/evaluation.tsx'
import { Instant } from '../parts/instant.tsx'
import { ModelCard } from '../parts/model-card.tsx'
import { Pill, Problem, Skeleton } from '../parts/notes.tsx'
import { Pairs } from '../parts/pairs.tsx'
import { Reigns } from '../parts/reigns.tsx'
import { Section } from '../parts/section.tsx'
import { StandsOn } from '../parts/stands-on.tsx'
import { Features, Signature, VersionFiles } from '../parts/version-files.tsx'
import { Manifest, RunOf } from '../parts/version-origin.tsx'
import { formatText } from '../parts/version-table.tsx'
import { modelPath } from '../routes.ts'
import { useLive } from '../use-live.ts'

/** The record of one version: what it is, where it came from, how it did, and who did what to it and why. */
export function VersionPage({ model, version }: { model: string; version: number }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/version/${model}/${version}`, () => client.call(registry.getVersion, { model, version }), {
    topics: ['registry'],
    pollMs: 60_000,
  })
  useEffect(() => {
    document.title = `${model} v${version} · Setpoint`
  }, [model, version])
  return (
    <>
      <Crumbs
        above={[
          ['/models', 'Models'],
          [modelPath(model), model],
        ]}
        here={`version ${version}`}
      />
      {error && <Problem error={error} what="This version" stale={value !== undefined} />}
      {!value && !error && <Skeleton rows={4} height={120} />}
      {value && <Content version={value} />}
    </>
  )
}

function Content({ version }: { version: ModelVersion }) {
  return (
    <>
      <Head version={version} />
      <Cautions version={version} />
      <div className="boxes">
        <div className="column">
          <Section title="Evaluation">
            {version.evaluation ? <EvaluationTable evaluation={version.evaluation} /> : <p className="dim">No evaluation was given.</p>}
          </Section>
          <Section title="Signature">
            <Signature version={version} />
            <Features features={version.features} />
          </Section>
          <Section title="What was done, and why">
            <Acts model={version.model} version={version.version} />
          </Section>
        </div>
        <div className="column">
          <Section title="Manifest">
            <Manifest version={version} />
          </Section>
          <Section title="Files">
            <VersionFiles version={version} />
          </Section>
          <Section title="What stands on it">
            <StandsOn model={version.model} version={version.version} />
          </Section>
          <Section title="When it was champion">
            <Reigns model={version.model} version={version.version} />
          </Section>
          <Section title="Tags">
            <Pairs pairs={Object.entries(version.tags)} none="No tag was set." />
          </Section>
        </div>
        <Section title="Model card" wide>
          <ModelCard model={version.model} version={version.version} />
        </Section>
      </div>
    </>
  )
}

function Head({ version }: { version: ModelVersion }) {
  return (
    <div className="run-head tracked-head">
      <div>
        <h1>
          {version.model} v{version.version} <Pill tone="plain">{version.stage}</Pill>
          {version.aliases.map((alias) => (
            <AliasPill key={alias} alias={alias} />
          ))}
        </h1>
        {version.description && <p className="run-summary">{version.description}</p>}
        <p className="dim">
          {formatText(version)} · registered <Instant at={version.createdAt} /> by {version.createdBy} · owner {version.owner || 'unknown'}
          {version.semanticVersion && ` · ${version.semanticVersion}`}
          {version.runId && (
            <>
              {' · '}
              <RunOf id={version.runId} />
            </>
          )}
        </p>
      </div>
    </div>
  )
}

function Cautions({ version: { warnings, unsafe } }: { version: ModelVersion }) {
  if (warnings.length + unsafe.length === 0) return null
  return (
    <div className="cautions" role="note">
      {unsafe.length > 0 && (
        <p>
          <Pill tone="watch">unsafe</Pill> Loading {unsafe.join(', ')} runs code that is in it. This server never does.
        </p>
      )}
      {warnings.length > 0 && (
        <div className="warnings">
          <Pill tone="watch">{warnings.length === 1 ? 'warning' : `${warnings.length} warnings`}</Pill>
          <ul>
            {warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  )
}

function Acts({ model, version }: { model: string; version: number }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/why/${model}/${version}`, () => client.call(registry.why, { model, version, limit: 100 }), {
    topics: ['registry'],
    pollMs: 60_000,
  })
  if (error) return <Problem error={error} what="The list" stale={value !== undefined} />
  return (
    <ul className="acts">
      {value?.map((act) => (
        <li key={`${act.at}/${act.operation}/${act.alias}`}>
          <b>{wordsOfOperation(act.operation)}</b> {act.alias && <AliasPill alias={act.alias} />}{' '}
          {act.stage && <span className="dim">{act.stage}</span>}
          <p>
            {act.reason} <span className="dim">{act.actor}</span> <Instant at={act.at} />
          </p>
        </li>
      ))}
    </ul>
  )
}

/** `registry.moveAlias` as `move alias`. */
function wordsOfOperation(operation: string): string {
  return operation.slice(operation.indexOf('.') + 1).replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
