import type { ReactNode } from 'react'
import type { ModelVersion } from '../../../src/contract/model-record.ts'
import { runs } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'
import { runPath, versionPath } from '../routes.ts'
import { useLive } from '../use-live.ts'
import { Link } from './link.tsx'

/** The run a version was made by: a link, as long as that run is here. */
export function RunOf({ id }: { id: string }) {
  const { client, base } = useConsole()
  const { value } = useLive(`${base}/tracked/${id}`, () => client.call(runs.get, { run: id }), { topics: [], pollMs: 600_000 })
  if (!value) return <>run {id}</>
  return <Link to={runPath(value.experiment, id)}>run {value.name || id}</Link>
}

/** What a version was made from, each with its own version; what is not known is named too. */
export function Manifest({ version }: { version: ModelVersion }) {
  const { artifact, commit, dataSnapshot, parent, training, features, prompts, configuration, environment } = version.manifest
  return (
    <dl className="pairs">
      <Row name="commit">{commit}</Row>
      <Row name="data snapshot">{dataSnapshot}</Row>
      <Row name="parent">{parent !== null && <Link to={versionPath(version.model, parent)}>version {parent}</Link>}</Row>
      <Row name="training">{training}</Row>
      <Row name="run">{version.runId && <RunOf id={version.runId} />}</Row>
      <Row name="configuration">{configuration}</Row>
      <Row name="features">{labelsText(features)}</Row>
      <Row name="prompts">{labelsText(prompts)}</Row>
      <Row name="environment">{labelsText(environment)}</Row>
      <Row name="artifact">{(artifact ?? version.digest) && <code className="digest">{artifact ?? version.digest}</code>}</Row>
      <Row name="reference rows">{version.reference && <code className="digest">{version.reference}</code>}</Row>
    </dl>
  )
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children || <span className="dim">not stated</span>}</dd>
    </div>
  )
}

function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
