import { useEffect } from 'react'
import { experiments } from '../../../src/contract/experiments.ts'
import { type Run, runs } from '../../../src/contract/runs.ts'
import { folderFromArtifactUri } from '../../../src/lib/artifact-uri.ts'
import { useConsole } from '../console.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { Crumbs } from '../parts/crumbs.tsx'
import { FileTree } from '../parts/file-tree.tsx'
import { Instant } from '../parts/instant.tsx'
import { MetricCurves } from '../parts/metric-curves.tsx'
import { Pill, Problem, Skeleton } from '../parts/notes.tsx'
import { Pairs } from '../parts/pairs.tsx'
import { LoggedModels, VersionsOfRun } from '../parts/run-models.tsx'
import { RunStatus } from '../parts/run-status.tsx'
import { Took } from '../parts/run-table.tsx'
import { Section } from '../parts/section.tsx'
import { experimentPath } from '../routes.ts'
import { useLive } from '../use-live.ts'

/** One training run: what went in, how its metrics went, and what came of it. */
export function RunPage({ experiment, id }: { experiment: string; id: string }) {
  const { client, base } = useConsole()
  const { value: run, error } = useLive(`${base}/tracked/${id}`, () => client.call(runs.get, { run: id }), { topics: [], pollMs: 5_000 })
  const within = run?.experiment ?? experiment
  const { value: of } = useLive(`${base}/experiment/${within}`, () => client.call(experiments.get, { experiment: within }), {
    topics: [],
    pollMs: 60_000,
  })
  useEffect(() => {
    document.title = `${run?.name ?? 'Run'} · Setpoint`
  }, [run])
  return (
    <>
      <Crumbs
        above={[
          ['/experiments', 'Experiments'],
          [experimentPath(within), of?.name ?? within],
        ]}
        here={run?.name ?? id}
      />
      {error && <Problem error={error} what="This run" stale={run !== undefined} />}
      {!run && !error && <Skeleton rows={4} height={120} />}
      {run && <Content run={run} />}
    </>
  )
}

function Content({ run }: { run: Run }) {
  const folder = folderFromArtifactUri(run.artifactUri)
  const tags = Object.entries(run.tags).sort(byName)
  return (
    <>
      <Head run={run} />
      <div className="boxes">
        <Section title="Metrics" wide>
          <MetricCurves run={run} />
        </Section>
        <div className="column">
          <Section title="Params">
            <Pairs pairs={Object.entries(run.params).sort(byName)} none="No param was logged." />
          </Section>
          <Section title="Models">
            <LoggedModels run={run} />
          </Section>
        </div>
        <div className="column">
          <Section title="Artifacts">
            {folder === undefined ? (
              <p className="dim">Kept elsewhere: {run.artifactUri}</p>
            ) : (
              <FileTree folder={folder} label="Artifacts of the run" />
            )}
          </Section>
          <Section title="Registered versions">
            <VersionsOfRun run={run} />
          </Section>
          <Section title="Data sets">
            <Pairs
              pairs={run.datasets.map(({ name, digest, context }) => [name, context ? `${context} · ${digest}` : digest])}
              none="No data set was logged."
            />
          </Section>
          <Section title="Tags">
            <Pairs pairs={tags.filter(([key]) => !key.startsWith('mlflow.'))} none="No tag was set." />
            {tags.some(([key]) => key.startsWith('mlflow.')) && (
              <details>
                <summary>What the client set by itself</summary>
                <Pairs pairs={tags.filter(([key]) => key.startsWith('mlflow.'))} none="" />
              </details>
            )}
          </Section>
        </div>
      </div>
    </>
  )
}

function Head({ run }: { run: Run }) {
  const { 'mlflow.source.git.commit': commit, 'mlflow.source.name': source, 'mlflow.note.content': note } = run.tags
  return (
    <div className="run-head tracked-head">
      <div>
        <h1>
          {run.name || run.id} <RunStatus status={run.status} /> {run.lifecycle === 'deleted' && <Pill tone="bad">deleted</Pill>}
        </h1>
        {note && <p className="run-summary">{note}</p>}
        <p className="dim">
          started <Instant at={run.startedAt} /> · {run.endedAt === null ? 'running for' : 'took'}{' '}
          <span className="figure">
            <Took run={run} />
          </span>
          {run.user && ` · by ${run.user}`}
          {source && ` · from ${source}`}
          {commit && (
            <>
              {' '}
              · commit <code title={commit}>{commit.slice(0, 10)}</code>
            </>
          )}
        </p>
      </div>
      <p className="run-id">
        <code>{run.id}</code> <CopyButton text={run.id} label="Copy the run’s id" />
      </p>
    </div>
  )
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1)
